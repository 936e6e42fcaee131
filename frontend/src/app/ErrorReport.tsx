import { useSignal } from "@preact/signals";

import { Button } from "../ui/Button";
import { Notice } from "../ui/Notice";
import { toast } from "../ui/Toast";
import { report, unexpected } from "./errors";

/** What the page says when something broke that nobody expected. */
export function ErrorReport() {
  const busy = useSignal(false);
  const error = unexpected.value;
  if (!error) return null;

  async function send(broken: Error): Promise<void> {
    busy.value = true;
    try {
      await report(broken);
      unexpected.value = null;
      toast("Thank you. The report is with us.");
    } catch {
      toast("The report could not be sent. Try again later.");
    } finally {
      busy.value = false;
    }
  }

  return (
    <div class="error-report">
      <Notice
        kind="bad"
        title="Something unexpected went wrong in the page."
        hint="What you made is safe. If something looks wrong, reload the page. A report tells us the error and the page's address, nothing else."
      >
        <Button kind="primary" busy={busy.value} onClick={() => void send(error)}>
          Send a report
        </Button>
        <Button onClick={() => location.reload()}>Reload the page</Button>
        <Button kind="quiet" onClick={() => (unexpected.value = null)}>
          Dismiss
        </Button>
      </Notice>
    </div>
  );
}
