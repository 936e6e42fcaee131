import { paths } from "../app/router";
import { Button } from "../ui/Button";
import { Notice } from "../ui/Notice";
import { Progress } from "../ui/Progress";
import { type Upload, underWay } from "./uploads";

const WORDS = {
  checking: "Checking the photo",
  sending: "Uploading",
  waiting: "Waiting to send it again",
  cancelling: "Cancelling; without a network, once it is back",
} as const;

/** One photo on its way. */
export function UploadItem({ upload }: { upload: Upload }) {
  const { name, state, share, note, problem, sessionId } = upload;
  return (
    <div class="upload">
      <p class="upload-name">{name}</p>
      {(state === "checking" || state === "sending" || state === "waiting" || state === "cancelling") && (
        <Progress label={WORDS[state]} value={state === "sending" ? share : undefined} />
      )}
      {note && <p class="upload-note">{note}</p>}
      {problem && <Notice kind="bad" title={problem.message} hint={problem.hint} />}
      {state === "cancelled" && <p class="upload-note">Cancelled.</p>}
      <div class="upload-actions">
        {underWay(upload) && state !== "cancelling" && <Button onClick={upload.cancel}>Cancel</Button>}
        {(state === "sent" || state === "failed") && sessionId && (
          <a class="button" href={paths.session(sessionId)}>
            {state === "sent" ? "Open" : "Choose it again"}
          </a>
        )}
      </div>
    </div>
  );
}
