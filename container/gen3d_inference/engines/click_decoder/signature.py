"""What the graph takes and gives, and its constants."""

from __future__ import annotations

from gen3d_inference.engines.regions import OUTLINE_POINTS

CHANNELS = 9
"""Of `features`: 7 in which the distance of two px says how unlike they are, the wall, the edges."""
COARSE = 4
"""Ways are measured at this fraction of the features' size, so their height and width are multiples of it."""
FINER = 2
"""Masks and superpixels are finer than the features so many times each way."""

SIGNATURE = f"""
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
    float[3, 1, 1] size_preference = {{-4.0, 0.0, 1.5}}, float correction_size_preference = {{-8.0}},
    float depth_weight_cluttered = {{1.3}}, float depth_weight_calm = {{6.8}}, float deepest = {{1.2}},
    float agree_weight = {{1.0}}, float disagree_weight = {{40.0}}, float box_weight = {{15.0}},
    float region_weight_cluttered = {{4.0}}, float region_weight_calm = {{12.0}},
    float[1, 3] candidate_weight = {{0.9, 1.0, 0.95}},
    float finer = {{{FINER}.0}}, float calm_weight = {{3.0}}, float edge_weight = {{0.5}},
    float step_weight = {{0.05}},
    float click_reach_square = {{16.0}}, float click_weight = {{4.0}}, float certain = {{8.0}},
    float object_label = {{1.0}}, float background_label = {{0.0}}, float above_labels = {{1.5}},
    float[1, 2] no_point = {{0.0, 0.0}}, float[1] no_label = {{-1.0}}, float not_a_label = {{-1.0}},
    float zero = {{0.0}}, float quarter = {{0.25}}, float half = {{0.5}}, float one = {{1.0}},
    float one_and_a_half = {{1.5}}, float two = {{2.0}}, float four = {{4.0}}, float tiny = {{1e-3}},
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
