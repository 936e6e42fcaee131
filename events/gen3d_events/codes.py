"""The one table of rejections and failures. `docs/errors.md` is generated from it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

ErrorClass = Literal["user", "transient", "system"]


@dataclass(frozen=True)
class Code:
    """One way in which something can be refused or fail.

    error_class: `user` (the person can mend it), `transient` (trying again may help), `system` (ours).
    message, hint: one sentence each, for a person.
    http_status: what the API answers where this is the reply to a request.
    """

    error_class: ErrorClass
    message: str
    hint: str
    http_status: int | None = None


codes: dict[str, Code] = {
    # photo
    "image_unsupported": Code(
        "user",
        "This file is not a JPEG, PNG or WebP photo.",
        "Save the photo as JPEG, PNG or WebP and upload it again.",
    ),
    "image_corrupt": Code(
        "user",
        "The photo is damaged and cannot be read to its end.",
        "Export the photo again and upload the new file.",
    ),
    "image_animated": Code("user", "The file holds several pictures.", "Upload a single still photo."),
    "image_too_small": Code(
        "user",
        "The photo is smaller than 64 pixels on a side.",
        "Use a photo of at least 64 x 64 pixels; 1000 or more give good results.",
    ),
    "image_too_large": Code(
        "user",
        "The photo is larger than 8192 pixels on a side.",
        "Scale it down to at most 8192 pixels on its long side.",
    ),
    "image_too_heavy": Code(
        "user", "The photo file is larger than 20 MB.", "Save it with stronger compression or scale it down."
    ),
    # mask
    "mask_unsupported": Code(
        "user", "The mask is not a PNG file.", "Send the mask as a PNG of the photo's size."
    ),
    "mask_corrupt": Code(
        "user",
        "The mask is damaged and cannot be read to its end.",
        "Write the mask again and upload the new file.",
    ),
    "mask_too_heavy": Code(
        "user", "The mask file is larger than 20 MB.", "Save the mask as an 8-bit or 1-bit PNG."
    ),
    "mask_size_mismatch": Code(
        "user",
        "The mask does not have the size of the upright photo.",
        "Make the mask on the photo as it is shown upright, without scaling.",
    ),
    "mask_too_small": Code(
        "user",
        "The mask marks less than 0.05 % of the photo, or nothing at all.",
        "Mark the whole object; come closer if it is tiny.",
    ),
    "mask_too_large": Code(
        "user", "The mask marks more than 95 % of the photo.", "Mark only the object, not the background."
    ),
    "alpha_missing": Code(
        "user",
        "The picture in the inbox has no transparent background.",
        "Cut the object out and save it as a PNG with transparency.",
    ),
    # clicks: said by SDK, CLI and page, which make masks themselves
    "point_outside_photo": Code(
        "user",
        "A point or box lies outside the photo.",
        "Points are in pixels of the upright photo, from its upper left corner.",
    ),
    "point_outside_boxes": Code(
        "user",
        "A point lies in none of the boxes, so it is not clear which object it is about.",
        "Put each point into the box of its object.",
    ),
    "no_positive_point": Code(
        "user",
        "Nothing is marked as the object.",
        "Click on the object, or draw a box around it; other points only take away.",
    ),
    "box_empty": Code("user", "A box has no width or no height.", "Draw it from one corner to the other."),
    "selection_empty": Code(
        "user",
        "Nothing was found there.",
        "Click on the object, or on another part of it, or draw a larger box around it.",
    ),
    "not_clickable": Code(
        "user",
        "This object was already cut out when it came, so there is nothing to click on.",
        "Upload the photo itself to choose an object in it.",
    ),
    "embedding_corrupt": Code(
        "system",
        "What prepares the photo for clicks is damaged or incomplete.",
        "Try again; if it fails again, upload the photo anew.",
    ),
    "decoder_mismatch": Code(
        "system",
        "The photo was prepared by another engine than its decoder belongs to.",
        "Upload the photo anew; if it fails again, the operator must deploy services and container together.",
    ),
    # API
    "request_invalid": Code(
        "user", "The request does not have the documented form.", "Compare it with the API description.", 400
    ),
    "request_too_large": Code(
        "user",
        "The request is too large.",
        "Photos and masks are uploaded by their forms, not in a request's body.",
        413,
    ),
    "unauthorized": Code("user", "You are not signed in.", "Sign in again.", 401),
    "session_not_found": Code(
        "user", "There is no such session.", "Check the id; it may have been deleted.", 404
    ),
    "job_not_found": Code("user", "There is no such job in this session.", "Check the id.", 404),
    "photo_missing": Code(
        "user", "The session has no accepted photo yet.", "Upload a photo and wait until it is accepted.", 409
    ),
    "mask_source_invalid": Code(
        "user",
        "The job whose mask should be reused has no accepted mask.",
        "Name a job of the same session whose mask was accepted.",
        409,
    ),
    "link_invalid": Code(
        "user",
        "This download link is not valid.",
        "Copy the whole link, or open the job and copy a new one.",
        404,
    ),
    "link_expired": Code(
        "user",
        "This download link has expired.",
        "Links are valid for 24 hours; open the job and copy a new one.",
        410,
    ),
    "ticket_invalid": Code(
        "user",
        "The ticket for the socket is unknown, used or expired.",
        "Ask for a new one with POST /tickets; each opens one socket within a minute.",
        401,
    ),
    "origin_not_allowed": Code(
        "user",
        "Pages of this address may not open the socket.",
        "Open the site at its own address; an operator adds others to SiteOrigins.",
        403,
    ),
    "too_many_requests": Code(
        "transient",
        "You have sent more requests than are allowed in a minute.",
        "Wait as many seconds as the answer's Retry-After says, and go on.",
        429,
    ),
    "not_found": Code(
        "user", "There is nothing at this address.", "Compare the address with the API description.", 404
    ),
    # endpoint
    "endpoint_unavailable": Code(
        "system",
        "The computing endpoint does not exist or refused the request.",
        "An operator must check that the endpoint is deployed and in service.",
    ),
    "inference_out_of_memory": Code(
        "transient",
        "The computer ran out of memory on this photo.",
        "Try again; a lower quality needs less memory.",
    ),
    "inference_storage_failed": Code(
        "transient", "The computer could not read or write its files.", "Try again in a few minutes."
    ),
    "inference_input_missing": Code(
        "system",
        "The photo or mask is not there any more.",
        "Upload the photo again; if it fails again, tell the operator the job's id.",
    ),
    "inference_timed_out": Code(
        "transient", "Computing took longer than allowed.", "Try again; a lower quality is faster."
    ),
    "inference_unavailable": Code(
        "transient",
        "The computer was starting, stopping or broke off.",
        "Try again in a few minutes.",
    ),
    "inference_expired": Code(
        "transient", "The request waited too long for a free computer.", "Try again in a few minutes."
    ),
    "inference_failed": Code(
        "system",
        "Computing failed for a reason that is not the photo's.",
        "Try again; if it fails again, tell the operator the job's id.",
    ),
    "inference_request_invalid": Code(
        "system",
        "The endpoint did not understand the request.",
        "The deployed services and container are of different versions; deploy both again.",
    ),
    "model_unavailable": Code(
        "system",
        "The model could not be loaded.",
        "An operator must provide the model's weights; see the operations guide.",
    ),
    # meshing
    "splat_invalid": Code(
        "system",
        "The reconstruction's file is damaged.",
        "Try again; if it fails again, tell the operator the job's id.",
    ),
    "splat_missing": Code(
        "system",
        "The reconstruction's file is not there any more.",
        "Start the job again; if it fails again, tell the operator the job's id.",
    ),
    "surface_missing": Code(
        "user",
        "The reconstruction has no closed surface.",
        "Mark the whole object, or try a photo that shows it more clearly.",
    ),
    "meshing_failed": Code(
        "system",
        "The mesh could not be built.",
        "Try again; if it fails again, tell the operator the job's id.",
    ),
    # time and delivery
    "embedding_timed_out": Code(
        "system", "Preparing the photo took too long.", "Wait for a late result, or upload the photo again."
    ),
    "job_timed_out": Code(
        "system", "The job took too long.", "Wait for a late result, or start the job again."
    ),
    "notification_failed": Code(
        "system", "The message could not be sent.", "The result is still there: open the session."
    ),
    "internal_error": Code(
        "system",
        "Something went wrong on our side.",
        "Try again; if it fails again, tell the operator the job's id.",
        500,
    ),
}
