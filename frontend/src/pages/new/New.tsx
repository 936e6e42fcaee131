import { useEffect, useState } from "preact/hooks";

import sample from "../../../../local/gen3d_local/demo_scene/photo.jpg?url";
import { go, paths } from "../../app/router";
import { Button } from "../../ui/Button";
import { useTask } from "../../ui/useTask";
import { Notice } from "../../ui/Notice";
import { offline } from "../../api/problem";
import { PhotoPicker } from "../../upload/PhotoPicker";
import { UploadItem } from "../../upload/UploadItem";
import { clear, send, underWay, uploads } from "../../upload/uploads";
import "./new.css";

export function New() {
  // A single photo is what most come with: they go on to it as soon as it has a session.
  const [awaited, setAwaited] = useState<number>();
  const sessionId = uploads.value.find(({ id }) => id === awaited)?.sessionId;
  useEffect(() => {
    if (sessionId) go(paths.session(sessionId));
  }, [sessionId]);

  function start(files: File[]): void {
    const started = send(files);
    setAwaited(started.length === 1 ? started[0]?.id : undefined);
  }

  const awaiting = uploads.value.some((it) => it.id === awaited && underWay(it));
  const { busy, problem, run } = useTask();
  const trySample = () =>
    run(async () => {
      const reply = await fetch(sample).catch(() => undefined);
      if (!reply?.ok) throw offline();
      start([new File([await reply.blob()], "sample.jpg", { type: "image/jpeg" })]);
    });

  return (
    <div class="new">
      <h1 class="page-title">Start with a photo</h1>
      <PhotoPicker multiple onFiles={start} />
      <div class="new-sample">
        <img src={sample} alt="" width="72" height="96" />
        <p>No photo at hand?</p>
        <Button busy={busy || awaiting} onClick={() => void trySample()}>
          Try the sample
        </Button>
      </div>
      {problem && <Notice kind="bad" title={problem.message} hint={problem.hint} />}
      {uploads.value.length > 0 && (
        <section aria-labelledby="uploads">
          <div class="new-uploads-head">
            <h2 id="uploads">Uploads</h2>
            {uploads.value.some((it) => !underWay(it)) && (
              <Button kind="quiet" onClick={clear}>
                Clear the list
              </Button>
            )}
          </div>
          <ul class="new-uploads" aria-live="polite">
            {uploads.value.map((it) => (
              <li key={it.id}>
                <UploadItem upload={it} />
              </li>
            ))}
          </ul>
        </section>
      )}
    </div>
  );
}
