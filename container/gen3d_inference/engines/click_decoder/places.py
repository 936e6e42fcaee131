"""Where clicks and the box are, and the way from each click to every px."""

from __future__ import annotations

STEPS = 96
"""Longest way from a click, in coarse px."""

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

PLACES = _CLICKS + "".join(_STEP.format(n=n, m=n + 1) for n in range(STEPS))
"""Its last `near_N` is the way from the nearest click, N being STEPS."""
