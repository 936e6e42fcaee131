"""The decoder of the segmenter `classical`: an ONNX graph that turns clicks into masks by hand-made rules.

A px belongs to the object if it is like a place that was clicked, and no edges lie on the way from there; if
edges wall it off from the photo's border as well as the places clicked, which counts most where the border is
even; and if it is more like those places than like the ones that were clicked away. Candidates 1, 2 and 3
(part, object, whole) trust the walls more and more; 0 is the one to take, and equals 2.
"""

from __future__ import annotations

from functools import cache

from onnx import checker, parser

CHANNELS = 9
"""Of `features`: 7 in which the distance of two px says how unlike they are, the wall, the edges."""
COARSE = 4
"""Ways are measured at this fraction of the features' size, so their height and width are multiples of it."""

_STEPS = 96
"""Longest way from a click, in coarse px."""

_SIGNATURE = f"""
<ir_version: 8, opset_import: ["" : 17]>
clicks (
    float16[1, {CHANNELS}, height, width] features,
    float16[1] border_calm,
    float[1, points, 2] point_coords,
    float[1, points] point_labels,
    float[1, 1, height, width] mask_input,
    float[1] has_mask_input
) => (
    float[1, 4, height, width] masks,
    float[1, 4] scores,
    float[1] object_score
)
<
    float[1, 4, 1, 1] likeness_limit = {{2.75, 1.5, 2.75, 5.0}},
    float[1, 4, 1, 1] likeness_weight = {{1.0, 1.0, 1.0, 0.5}},
    float[1, 4, 1, 1] wall_weight = {{5.0, 1.0, 5.0, 8.0}},
    float[1, 4] candidate_weight = {{1.0, 0.9, 1.0, 0.95}},
    float calm_weight = {{3.0}}, float edge_weight = {{0.5}}, float step_weight = {{0.05}},
    float click_reach_square = {{16.0}}, float click_weight = {{4.0}}, float certain = {{8.0}},
    float object_label = {{1.0}}, float background_label = {{0.0}}, float above_labels = {{1.5}},
    float[1, 2] no_point = {{0.0, 0.0}}, float[1] no_label = {{-1.0}}, float not_a_label = {{-1.0}},
    float zero = {{0.0}}, float quarter = {{0.25}}, float half = {{0.5}}, float one = {{1.0}},
    float two = {{2.0}}, float four = {{4.0}}, float tiny = {{1e-3}},
    float far = {{1e6}}, float minus_far = {{-1e6}},
    int64[1] wall_channel = {{7}}, int64[1] edge_channel = {{8}}, int64[1] channel_end = {{9}},
    int64[2] likeness_rows = {{7, -1}}, int64[1] in_a_row = {{-1}}, int64[2] two_planes = {{1, 2}},
    int64[1] start = {{0}}, int64[1] axis_0 = {{0}}, int64[1] axis_1 = {{1}}, int64[2] axes_0_1 = {{0, 1}},
    int64[2] axes_0_2 = {{0, 2}}, int64[2] axes_1_2 = {{1, 2}}, int64[1] sides = {{2}},
    int64[1] sides_end = {{4}}, int64 i0 = {{0}}, int64 i1 = {{1}}, int64 i2 = {{2}}, int64 i3 = {{3}}
>
"""

_CLICKS = """
    # the clicks and one more: the centre of a box, where no click says what in it is meant
    given_points = Squeeze (point_coords, axis_0)
    given_labels = Squeeze (point_labels, axis_0)
    some_points = Concat <axis = 0> (given_points, no_point)
    some_labels = Concat <axis = 0> (given_labels, no_label)
    is_corner = Greater (some_labels, above_labels)
    corner_rows = Unsqueeze (is_corner, axis_1)
    corners_or_far = Where (corner_rows, some_points, far)
    corners_or_minus_far = Where (corner_rows, some_points, minus_far)
    low = ReduceMin <axes = [0], keepdims = 1> (corners_or_far)
    high = ReduceMax <axes = [0], keepdims = 1> (corners_or_minus_far)
    corner_sum = Add (low, high)
    centre = Mul (corner_sum, half)
    is_wide = Greater (high, low)
    has_box = Gather <axis = 1> (is_wide, i0)
    is_click = Equal (some_labels, object_label)
    click_ones = Cast <to = 1> (is_click)
    click_count = ReduceSum <keepdims = 0> (click_ones)
    has_no_click = Less (click_count, half)
    centre_counts = And (has_box, has_no_click)
    centre_label = Where (centre_counts, object_label, not_a_label)
    points = Concat <axis = 0> (some_points, centre)
    labels = Concat <axis = 0> (some_labels, centre_label)
    is_object = Equal (labels, object_label)
    is_background = Equal (labels, background_label)
    point_x = Gather <axis = 1> (points, i0)
    point_y = Gather <axis = 1> (points, i1)

    # the px that each click lies in
    size = Shape (features)
    height = Gather (size, i2)
    width = Gather (size, i3)
    last_row = Sub (height, i1)
    last_column = Sub (width, i1)
    last_y = Cast <to = 1> (last_row)
    last_x = Cast <to = 1> (last_column)
    inner_x = Clip (point_x, zero, last_x)
    inner_y = Clip (point_y, zero, last_y)
    column = Cast <to = 7> (inner_x)
    row = Cast <to = 7> (inner_y)
    row_start = Mul (row, width)
    index = Add (row_start, column)

    # where clicks are, at the coarse size: for the object, and for the background
    channels = Cast <to = 1> (features)
    edges = Slice (channels, edge_channel, channel_end, axis_1)
    coarse_edges = MaxPool <kernel_shape = [4, 4], strides = [4, 4]> (edges)
    coarse_size = Shape (coarse_edges)
    coarse_height = Gather (coarse_size, i2)
    coarse_width = Gather (coarse_size, i3)
    coarse_rows = Range (i0, coarse_height, i1)
    coarse_columns = Range (i0, coarse_width, i1)
    coarse_row_floats = Cast <to = 1> (coarse_rows)
    coarse_column_floats = Cast <to = 1> (coarse_columns)
    coarse_row_middles = Add (coarse_row_floats, half)
    coarse_column_middles = Add (coarse_column_floats, half)
    coarse_y_list = Mul (coarse_row_middles, four)
    coarse_x_list = Mul (coarse_column_middles, four)
    coarse_y = Unsqueeze (coarse_y_list, axes_0_2)
    coarse_x = Unsqueeze (coarse_x_list, axes_0_1)
    point_x_planes = Unsqueeze (point_x, axes_1_2)
    point_y_planes = Unsqueeze (point_y, axes_1_2)
    dx = Sub (coarse_x, point_x_planes)
    dy = Sub (coarse_y, point_y_planes)
    dx_square = Mul (dx, dx)
    dy_square = Mul (dy, dy)
    apart = Add (dx_square, dy_square)
    object_planes = Unsqueeze (is_object, axes_1_2)
    background_planes = Unsqueeze (is_background, axes_1_2)
    apart_object_or_far = Where (object_planes, apart, far)
    apart_background_or_far = Where (background_planes, apart, far)
    apart_object = ReduceMin <axes = [0], keepdims = 1> (apart_object_or_far)
    apart_background = ReduceMin <axes = [0], keepdims = 1> (apart_background_or_far)
    apart_both = Concat <axis = 0> (apart_object, apart_background)
    apart_nearest = Unsqueeze (apart_both, axis_0)
    is_at_click = Less (apart_nearest, click_reach_square)

    # the way from the nearest click to each px: its length, and the edges on it
    edge_cost = Mul (coarse_edges, edge_weight)
    cost = Add (edge_cost, step_weight)
    near_0 = Where (is_at_click, zero, minus_far)
"""

_STEP = """
    beside_{n} = MaxPool <kernel_shape = [3, 3], pads = [1, 1, 1, 1]> (near_{n})
    arrived_{n} = Sub (beside_{n}, cost)
    near_{m} = Max (near_{n}, arrived_{n})
"""

_MASKS = f"""
    height_width = Slice (size, sides, sides_end, axis_0)
    two_planes_size = Concat <axis = 0> (two_planes, height_width)
    near = Resize <mode = "linear"> (near_{_STEPS}, , , two_planes_size)
    near_object, near_background = Split <axis = 1> (near)

    # how unlike each px is to the places clicked
    likeness = Slice (channels, start, wall_channel, axis_1)
    pixels = Reshape (likeness, likeness_rows)
    places_by_channel = Gather <axis = 1> (pixels, index)
    places = Transpose <perm = [1, 0]> (places_by_channel)
    products = MatMul (places, pixels)
    places_square = ReduceSumSquare <axes = [1], keepdims = 1> (places)
    pixels_square = ReduceSumSquare <axes = [0], keepdims = 1> (pixels)
    squares = Add (places_square, pixels_square)
    products_twice = Mul (products, two)
    difference = Sub (squares, products_twice)
    unlike_square = Relu (difference)
    object_rows = Unsqueeze (is_object, axis_1)
    background_rows = Unsqueeze (is_background, axis_1)
    unlike_object_or_far = Where (object_rows, unlike_square, far)
    unlike_background_or_far = Where (background_rows, unlike_square, far)
    unlike_object_square = ReduceMin <axes = [0], keepdims = 0> (unlike_object_or_far)
    unlike_background_square = ReduceMin <axes = [0], keepdims = 0> (unlike_background_or_far)
    unlike_object_row = Sqrt (unlike_object_square)
    unlike_background_row = Sqrt (unlike_background_square)
    plane_size = Shape (mask_input)
    unlike_object = Reshape (unlike_object_row, plane_size)
    unlike_background = Reshape (unlike_background_row, plane_size)
    strange_to_object = Sub (unlike_object, near_object)
    strange_to_background = Sub (unlike_background, near_background)
    alike = Sub (likeness_limit, strange_to_object)
    more_alike = Sub (strange_to_background, strange_to_object)

    # how well each px is walled off, compared with the worst walled-off click; nothing if that is background
    wall = Slice (channels, wall_channel, edge_channel, axis_1)
    wall_row = Reshape (wall, in_a_row)
    wall_of_points = Gather (wall_row, index)
    wall_or_far = Where (is_object, wall_of_points, far)
    wall_of_object = ReduceMin <keepdims = 0> (wall_or_far)
    wall_unit = Add (wall_of_object, tiny)
    wall_ratio = Div (wall, wall_unit)
    wall_share = Min (wall_ratio, one)
    walled_off = Sub (wall_share, half)
    wall_highest = ReduceMax <keepdims = 0> (wall_row)
    wall_quarter = Mul (wall_highest, quarter)
    wall_enough = Add (wall_quarter, tiny)
    wall_height = Div (wall_of_object, wall_enough)
    wall_worth = Clip (wall_height, zero, one)
    calm = Cast <to = 1> (border_calm)
    calm_bonus = Mul (calm, calm_weight)
    calm_factor = Add (calm_bonus, one)
    wall_factor = Mul (wall_worth, calm_factor)
    wall_weights = Mul (wall_weight, wall_factor)

    # the evidence together, with the clicks themselves and an earlier mask; nothing outside a box
    alike_weighed = Mul (alike, likeness_weight)
    walled_off_weighed = Mul (walled_off, wall_weights)
    evidence_alone = Add (alike_weighed, walled_off_weighed)
    evidence = Min (evidence_alone, more_alike)
    smooth_once = AveragePool <kernel_shape = [3, 3], pads = [1, 1, 1, 1]> (evidence)
    smooth = AveragePool <kernel_shape = [3, 3], pads = [1, 1, 1, 1]> (smooth_once)
    at_click = Cast <to = 1> (is_at_click)
    at_object, at_background = Split <axis = 1> (at_click)
    click_sign = Sub (at_object, at_background)
    click_evidence = Mul (click_sign, click_weight)
    click_evidence_full = Resize <mode = "linear"> (click_evidence, , , plane_size)
    minus_certain = Neg (certain)
    earlier = Clip (mask_input, minus_certain, certain)
    earlier_half = Mul (earlier, half)
    earlier_evidence = Mul (earlier_half, has_mask_input)
    own_evidence = Add (click_evidence_full, earlier_evidence)
    all_evidence = Add (smooth, own_evidence)
    rows = Range (i0, height, i1)
    columns = Range (i0, width, i1)
    row_floats = Cast <to = 1> (rows)
    column_floats = Cast <to = 1> (columns)
    row_middles = Add (row_floats, half)
    column_middles = Add (column_floats, half)
    y = Unsqueeze (row_middles, axes_0_2)
    x = Unsqueeze (column_middles, axes_0_1)
    low_x = Gather <axis = 1> (low, i0)
    low_y = Gather <axis = 1> (low, i1)
    high_x = Gather <axis = 1> (high, i0)
    high_y = Gather <axis = 1> (high, i1)
    is_left = Less (x, low_x)
    is_right = Greater (x, high_x)
    is_above = Less (y, low_y)
    is_below = Greater (y, high_y)
    is_beside = Or (is_left, is_right)
    is_over = Or (is_above, is_below)
    is_around = Or (is_beside, is_over)
    is_outside = And (is_around, has_box)
    boxed = Where (is_outside, minus_certain, all_evidence)
    masks = Clip (boxed, minus_certain, certain)

    # a mask is good when little of it is in doubt
    minus_one = Neg (one)
    is_sure = Greater (masks, one)
    is_possible = Greater (masks, minus_one)
    sure = Cast <to = 1> (is_sure)
    possible = Cast <to = 1> (is_possible)
    sure_area = ReduceMean <axes = [2, 3], keepdims = 0> (sure)
    possible_area = ReduceMean <axes = [2, 3], keepdims = 0> (possible)
    possible_area_or_tiny = Max (possible_area, tiny)
    stability = Div (sure_area, possible_area_or_tiny)
    scores = Mul (stability, candidate_weight)
    object_score = ReduceMax <axes = [1, 2, 3], keepdims = 0> (masks)
"""


@cache
def click_decoder() -> bytes:
    """The graph, as the bytes of an ONNX file (opset 17).

    Inputs: `features` float16 [1, 9, h, w] and `border_calm` float16 [1], as `classical` makes them;
    `point_coords` float32 [1, N, 2], x and y in px of the features; `point_labels` float32 [1, N]: 1 object,
    0 background, 2 and 3 corners of a box, -1 padding; `mask_input` float32 [1, 1, h, w], earlier logits,
    which count where `has_mask_input` float32 [1] is 1.
    Outputs: `masks` float32 [1, 4, h, w], logits; `scores` float32 [1, 4], 0..1; `object_score` float32 [1],
    a logit.
    """
    way = "".join(_STEP.format(n=n, m=n + 1) for n in range(_STEPS))
    model = parser.parse_model(f"{_SIGNATURE} {{ {_CLICKS} {way} {_MASKS} }}")
    checker.check_model(model, full_check=True)
    serialised: bytes = model.SerializeToString()
    return serialised
