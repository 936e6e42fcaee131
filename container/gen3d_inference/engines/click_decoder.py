"""The decoder of the segmenter `classical`: an ONNX graph that turns clicks into masks by hand-made rules.

Each click and box weighs the regions that `regions` proposes. Where the photo's border is uneven, evidence of
single px is added: a px belongs to the object if it is like a place that was clicked, no edges lie on the way
from there, and it is more like those places than like the ones that were clicked away. Candidates 1, 2 and 3
(part, object, whole) prefer larger regions more and more; 0 is the one to take, and equals 2.
"""

from __future__ import annotations

from functools import cache

from onnx import checker, parser

from gen3d_inference.engines.regions import OUTLINE_POINTS

CHANNELS = 9
"""Of `features`: 7 in which the distance of two px says how unlike they are, the wall, the edges."""
COARSE = 4
"""Ways are measured at this fraction of the features' size, so their height and width are multiples of it."""

FINER = 2
"""Masks and superpixels are finer than the features so many times each way."""

_STEPS = 96
"""Longest way from a click, in coarse px."""

_SIGNATURE = f"""
<ir_version: 8, opset_import: ["" : 17]>
clicks (
    float16[1, {CHANNELS}, height, width] features,
    float16[1] border_calm,
    float16[1, 1, mask_height, mask_width] superpixels,
    uint8[1, parts, regions] members,
    float16[1, regions, 7] region_facts,
    float16[1, parts, {OUTLINE_POINTS}, 2] outlines,
    float[1, points, 2] point_coords,
    float[1, points] point_labels,
    float[1, 1, mask_height, mask_width] mask_input,
    float[1] has_mask_input
) => (
    float[1, 4, mask_height, mask_width] masks,
    float[1, 4] scores,
    float[1] object_score
)
<
    float[1, 3, 1, 1] likeness_limit = {{1.5, 2.75, 5.0}},
    float[1, 3, 1, 1] likeness_weight = {{1.0, 1.0, 0.5}},
    float[1, 3, 1, 1] wall_weight = {{1.0, 5.0, 8.0}},
    float[3, 1, 1] size_preference = {{-4.0, 0.0, 1.5}},
    float depth_weight_cluttered = {{1.3}}, float depth_weight_calm = {{6.8}}, float deepest = {{1.2}},
    float agree_weight = {{3.0}}, float disagree_weight = {{40.0}}, float box_weight = {{15.0}},
    float region_weight_cluttered = {{4.0}}, float region_weight_calm = {{12.0}},
    float[1, 3] candidate_weight = {{0.9, 1.0, 0.95}},
    float finer = {{{FINER}.0}}, float calm_weight = {{3.0}}, float edge_weight = {{0.5}},
    float step_weight = {{0.05}},
    float click_reach_square = {{16.0}}, float click_weight = {{4.0}}, float certain = {{8.0}},
    float object_label = {{1.0}}, float background_label = {{0.0}}, float above_labels = {{1.5}},
    float[1, 2] no_point = {{0.0, 0.0}}, float[1] no_label = {{-1.0}}, float not_a_label = {{-1.0}},
    float zero = {{0.0}}, float quarter = {{0.25}}, float half = {{0.5}}, float one = {{1.0}},
    float two = {{2.0}}, float four = {{4.0}}, float tiny = {{1e-3}},
    float far = {{1e6}}, float minus_far = {{-1e6}},
    int64[1] nearest = {{64}}, int64[1] flat = {{-1}}, int64[1] axis_2 = {{2}}, 
    int64 i4 = {{4}}, int64 i5 = {{5}}, int64 i6 = {{6}},
    float never = {{-1e4}}, int64[1] one_row = {{1}},
    int64[1] wall_channel = {{7}}, int64[1] edge_channel = {{8}}, int64[1] channel_end = {{9}},
    int64[2] likeness_rows = {{7, -1}}, int64[1] in_a_row = {{-1}}, int64[2] two_planes = {{1, 2}},
    int64[2] three_planes = {{1, 3}}, int64[4] shown = {{1, 0, 1, 2}},
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
    feature_points = Div (points, finer)
    point_x = Gather <axis = 1> (feature_points, i0)
    point_y = Gather <axis = 1> (feature_points, i1)

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

_REGIONS = """
    # the superpixel that each click lies in, and which regions hold it
    fine_size = Shape (superpixels)
    fine_height = Gather (fine_size, i2)
    fine_width = Gather (fine_size, i3)
    fine_last_row = Sub (fine_height, i1)
    fine_last_column = Sub (fine_width, i1)
    fine_last_y = Cast <to = 1> (fine_last_row)
    fine_last_x = Cast <to = 1> (fine_last_column)
    fine_x = Gather <axis = 1> (points, i0)
    fine_y = Gather <axis = 1> (points, i1)
    fine_inner_x = Clip (fine_x, zero, fine_last_x)
    fine_inner_y = Clip (fine_y, zero, fine_last_y)
    fine_column = Cast <to = 7> (fine_inner_x)
    fine_row = Cast <to = 7> (fine_inner_y)
    fine_row_start = Mul (fine_row, fine_width)
    fine_index = Add (fine_row_start, fine_column)
    part_row_half = Reshape (superpixels, flat)
    part_row = Cast <to = 7> (part_row_half)
    part_of_point = Gather (part_row, fine_index)
    holder_numbers = Squeeze (members, axis_0)
    holder = Cast <to = 1> (holder_numbers)
    member = Transpose <perm = [1, 0]> (holder)
    holds = Gather <axis = 0> (holder, part_of_point)
    is_held = Greater (holds, half)

    # how deep in each region a click lies, 1 for the middle: the way to the nearest superpixel outside of it,
    # looked for among the nearest superpixels
    outline_places = Cast <to = 1> (outlines)
    fine_inner_x_column = Unsqueeze (fine_inner_x, axis_1)
    fine_inner_y_column = Unsqueeze (fine_inner_y, axis_1)
    fine_inner = Concat <axis = 1> (fine_inner_x_column, fine_inner_y_column)
    click_places = Unsqueeze (fine_inner, axes_1_2)
    apart_places = Sub (outline_places, click_places)
    apart_squares = ReduceSumSquare <axes = [3], keepdims = 0> (apart_places)
    apart_parts = ReduceMin <axes = [2], keepdims = 0> (apart_squares)
    holder_size = Shape (holder)
    part_count = Slice (holder_size, axis_0, axis_1, axis_0)
    near_count = Min (part_count, nearest)
    near_square, near_part = TopK <axis = 1, largest = 0> (apart_parts, near_count)
    near_held_number = Gather <axis = 0> (holder_numbers, near_part)
    is_near_held = Cast <to = 9> (near_held_number)
    near_square_all = Unsqueeze (near_square, axis_2)
    outside_square = Where (is_near_held, far, near_square_all)
    nearest_outside_square = ReduceMin <axes = [1], keepdims = 0> (outside_square)
    farthest_seen = ReduceMax <axes = [1], keepdims = 1> (near_square)
    depth_square = Min (nearest_outside_square, farthest_seen)
    depth_px = Sqrt (depth_square)
    facts_half = Squeeze (region_facts, axis_0)
    facts = Cast <to = 1> (facts_half)
    prior = Gather <axis = 1> (facts, i0)
    radius = Gather <axis = 1> (facts, i1)
    log_area = Gather <axis = 1> (facts, i2)
    depth_ratio = Div (depth_px, radius)
    depth = Min (depth_ratio, deepest)
    depth_twice = Mul (depth, depth)
    calm_float = Cast <to = 1> (border_calm)
    depth_weight_gain = Sub (depth_weight_calm, depth_weight_cluttered)
    depth_weight_more = Mul (depth_weight_gain, calm_float)
    depth_weight = Add (depth_weight_cluttered, depth_weight_more)
    depth_worth = Mul (depth_twice, depth_weight)

    # how well each region's bounding box fits a box given
    region_x0 = Gather <axis = 1> (facts, i3)
    region_y0 = Gather <axis = 1> (facts, i4)
    region_x1 = Gather <axis = 1> (facts, i5)
    region_y1 = Gather <axis = 1> (facts, i6)
    box_x0 = Gather <axis = 1> (low, i0)
    box_y0 = Gather <axis = 1> (low, i1)
    box_x1 = Gather <axis = 1> (high, i0)
    box_y1 = Gather <axis = 1> (high, i1)
    common_x0 = Max (region_x0, box_x0)
    common_y0 = Max (region_y0, box_y0)
    common_x1 = Min (region_x1, box_x1)
    common_y1 = Min (region_y1, box_y1)
    common_width_signed = Sub (common_x1, common_x0)
    common_height_signed = Sub (common_y1, common_y0)
    common_width = Relu (common_width_signed)
    common_height = Relu (common_height_signed)
    common_area = Mul (common_width, common_height)
    region_width = Sub (region_x1, region_x0)
    region_height = Sub (region_y1, region_y0)
    region_area = Mul (region_width, region_height)
    box_width = Sub (box_x1, box_x0)
    box_height = Sub (box_y1, box_y0)
    box_area = Mul (box_width, box_height)
    both_areas = Add (region_area, box_area)
    joint_area = Sub (both_areas, common_area)
    joint_area_or_one = Max (joint_area, one)
    box_fit = Div (common_area, joint_area_or_one)
    box_fit_weighed = Mul (box_fit, box_weight)
    box_worth = Where (has_box, box_fit_weighed, zero)

    # what speaks for each region after each click: its looks, the click's depth, the other clicks, the box
    object_ones = Cast <to = 1> (is_object)
    background_ones = Cast <to = 1> (is_background)
    object_held = MatMul (object_ones, holds)
    background_held = MatMul (background_ones, holds)
    object_agrees = Mul (object_held, agree_weight)
    background_disagrees = Mul (background_held, disagree_weight)
    background_agrees = Mul (background_held, agree_weight)
    object_disagrees = Mul (object_held, disagree_weight)
    others_for_object = Sub (object_agrees, background_disagrees)
    others_for_background = Sub (background_agrees, object_disagrees)
    looks = Add (prior, box_worth)
    looks_and_depth = Add (looks, depth_worth)
    held_or_never = Where (is_held, looks_and_depth, never)
    point_count = Shape (point_x)
    last_point = Sub (point_count, one_row)
    point_last = Squeeze (last_point, axis_0)
    point_end = Squeeze (point_count, axis_0)
    point_numbers = Range (i0, point_end, i1)
    is_centre_row = Equal (point_numbers, point_last)
    is_centre = Unsqueeze (is_centre_row, axis_1)
    worth = Where (is_centre, looks, held_or_never)
    object_worth = Add (worth, others_for_object)
    background_worth = Add (worth, others_for_background)

    # each region counts by how likely it is the one meant; a superpixel, by the regions that hold it
    log_area_row = Unsqueeze (log_area, axes_0_1)
    size_worth_row = Mul (log_area_row, size_preference)
    object_worths = Add (size_worth_row, object_worth)
    object_chance = Softmax <axis = -1> (object_worths)
    background_chance = Softmax <axis = -1> (background_worth)
    object_parts_by_click = MatMul (object_chance, member)
    background_parts_by_click = MatMul (background_chance, member)
    is_object_row = Unsqueeze (is_object, axis_1)
    is_background_row = Unsqueeze (is_background, axis_1)
    object_parts_or_none = Where (is_object_row, object_parts_by_click, zero)
    background_parts_or_none = Where (is_background_row, background_parts_by_click, zero)
    object_parts = ReduceMax <axes = [1], keepdims = 0> (object_parts_or_none)
    background_parts = ReduceMax <axes = [0], keepdims = 1> (background_parts_or_none)
    not_background = Sub (one, background_parts)
    likely_parts = Mul (object_parts, not_background)
    likely_signed = Sub (likely_parts, half)
    region_weight_gain = Sub (region_weight_calm, region_weight_cluttered)
    region_weight_more = Mul (region_weight_gain, calm_float)
    region_weight = Add (region_weight_cluttered, region_weight_more)
    parts_evidence = Mul (likely_signed, region_weight)
    evidence_by_part = Transpose <perm = [1, 0]> (parts_evidence)
    evidence_by_px = Gather <axis = 0> (evidence_by_part, part_row)
    region_rows = Transpose <perm = [1, 0]> (evidence_by_px)
    fine_plane = Slice (fine_size, sides, sides_end, axis_0)
    region_planes = Concat <axis = 0> (three_planes, fine_plane)
    region_rough = Reshape (region_rows, region_planes)
    region_soft = AveragePool <kernel_shape = [3, 3], pads = [1, 1, 1, 1]> (region_rough)
    region_evidence = AveragePool <kernel_shape = [3, 3], pads = [1, 1, 1, 1]> (region_soft)
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
    one_plane = Shape (edges)
    plane_size = Shape (mask_input)
    unlike_object = Reshape (unlike_object_row, one_plane)
    unlike_background = Reshape (unlike_background_row, one_plane)
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
    mask_height_width = Slice (plane_size, sides, sides_end, axis_0)
    three_planes_size = Concat <axis = 0> (three_planes, mask_height_width)
    smooth_full = Resize <mode = "linear"> (smooth, , , three_planes_size)
    clutter = Sub (one, calm)
    px_evidence = Mul (smooth_full, clutter)
    scene_evidence = Add (px_evidence, region_evidence)
    all_evidence = Add (scene_evidence, own_evidence)
    mask_rows = Gather (plane_size, i2)
    mask_columns = Gather (plane_size, i3)
    rows = Range (i0, mask_rows, i1)
    columns = Range (i0, mask_columns, i1)
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
    kinds = Clip (boxed, minus_certain, certain)

    # a mask is good when little of it is in doubt
    minus_one = Neg (one)
    is_sure = Greater (kinds, one)
    is_possible = Greater (kinds, minus_one)
    sure = Cast <to = 1> (is_sure)
    possible = Cast <to = 1> (is_possible)
    sure_area = ReduceMean <axes = [2, 3], keepdims = 0> (sure)
    possible_area = ReduceMean <axes = [2, 3], keepdims = 0> (possible)
    possible_area_or_tiny = Max (possible_area, tiny)
    stability = Div (sure_area, possible_area_or_tiny)
    kind_scores = Mul (stability, candidate_weight)
    masks = Gather <axis = 1> (kinds, shown)
    scores = Gather <axis = 1> (kind_scores, shown)
    object_score = ReduceMax <axes = [1, 2, 3], keepdims = 0> (kinds)
"""


@cache
def click_decoder() -> bytes:
    """The graph, as the bytes of an ONNX file (opset 17).

    Inputs: the tensors of `classical`; `point_coords` float32 [1, N, 2], x and y in px of the superpixels,
    twice as fine as the features; `point_labels` float32 [1, N]: 1 object, 0 background, 2 and 3 corners of a
    box, -1 padding; `mask_input` float32 [1, 1, h, w], earlier logits, which count where `has_mask_input`
    float32 [1] is 1.
    Outputs: `masks` float32 [1, 4, h, w], logits; `scores` float32 [1, 4], 0..1; `object_score` float32 [1],
    a logit.
    """
    way = "".join(_STEP.format(n=n, m=n + 1) for n in range(_STEPS))
    model = parser.parse_model(f"{_SIGNATURE} {{ {_CLICKS} {way} {_REGIONS} {_MASKS} }}")
    checker.check_model(model, full_check=True)
    serialised: bytes = model.SerializeToString()
    return serialised
