"""The decoder in three graphs: what depends on the photo alone, on an earlier mask, and on the clicks.

A photo has thousands of image tokens and a click a dozen prompt tokens, so nearly all of the decoder's work
is projecting image tokens. The arithmetic here is that of `Sam3TrackerMaskDecoder`, in an order that does
that work once for a photo: after each layer, image tokens are

    x = r (z + P M) + b

where z is of the photo and b of the weights alone, P are the chances with which image tokens attend to prompt
tokens, M is what each of these gives them, and r the scale of the layer's normalisation. A projection of x
needs no x: x W = r (z W + P (M W)) + b W, in which z W is made once for a photo and M has few rows. Nor does
r, which needs squares: |z + P M|^2 = |z|^2 + sum of P * (2 z M^T + P M M^T), in which M is of values V by a
matrix, M = V W, so z M^T = (z W^T) V^T begins with another product that is made once. So x is never made.
Rows are centred before they are added, or what multiplies them is, so that normalisation need not subtract
their mean.

A preview may be had for a quarter of the work: the same graph decodes tensors of half the height and width,
in which every four tokens are one, their mean.

`prepare`, `mask` and `decode` are the graphs, `photo_tensors` is what passes between them; `projections`,
`attention` and `normalisation` are the steps of the arithmetic.

Sizes: c channels; n = h * w image tokens, in rows; t prompt tokens; a heads of e channels.
"""
