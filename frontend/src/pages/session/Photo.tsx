import { useEffect, useRef } from "preact/hooks";

import type { SessionView } from "../../api/types";
import { go, paths } from "../../app/router";
import { Notice } from "../../ui/Notice";
import { Progress } from "../../ui/Progress";
import { toast } from "../../ui/Toast";
import { PhotoPicker } from "../../upload/PhotoPicker";
import { UploadItem } from "../../upload/UploadItem";
import { send, underWay, uploads } from "../../upload/uploads";

/** A session whose photo cannot be clicked yet, or cannot be at all. */
export function Photo({ session }: { session: SessionView }) {
  const { session_id: sessionId, state, problem, photo } = session;
  const upload = uploads.value.find((it) => it.sessionId === sessionId);
  // Once it was sent, the service checks it, unless it has said already that another is needed.
  const moving = upload && (underWay(upload) || (upload.state === "sent" && !problem));

  // A session that was made for this photo is deleted with it: nothing is left to do here.
  const wasMoving = useRef(false);
  useEffect(() => {
    if (wasMoving.current && upload?.state === "cancelled") {
      toast("The upload was cancelled.");
      go(paths.new, { replace: true });
    }
    wasMoving.current = Boolean(moving);
  }, [moving, upload?.state]);

  return (
    <div class="session-message">
      {photo ? (
        <img
          class="session-photo"
          src={photo.url}
          alt="Your photo"
          crossOrigin="anonymous"
          width={photo.width}
          height={photo.height}
        />
      ) : (
        moving && upload.preview && <img class="session-photo" src={upload.preview} alt="Your photo" />
      )}
      {problem && <Notice kind="bad" title={problem.message} hint={problem.hint} />}
      {upload?.problem && <Notice kind="bad" title={upload.problem.message} hint={upload.problem.hint} />}
      {state === "preparing" && (
        <div role="status">
          <Progress label="Preparing the photo, so that you can click what you want" />
          <p class="session-hint">You can close the page; it goes on.</p>
        </div>
      )}
      {state === "awaiting_photo" &&
        (moving ? (
          upload.state === "sent" ? (
            <Progress label="Checking the photo" />
          ) : (
            <UploadItem upload={upload} />
          )
        ) : (
          <>
            {!problem && !upload && <p>This photo was not uploaded. Choose it again.</p>}
            <PhotoPicker onFiles={(files) => send(files, sessionId)} />
          </>
        ))}
      {(state === "failed" || state === "timed_out") && (
        <a class="button button-primary" href={paths.new}>
          Start over with a photo
        </a>
      )}
    </div>
  );
}
