import { Button } from "../ui/Button";
import { Dialog } from "../ui/Dialog";
import { SHORTCUTS } from "./tools";

export function Shortcuts({ onClose }: { onClose: () => void }) {
  return (
    <Dialog title="Keyboard shortcuts" onClose={onClose}>
      <dl class="select-keys">
        {SHORTCUTS.map(({ keys, does }) => (
          <div key={keys}>
            <dt>
              <kbd>{keys}</kbd>
            </dt>
            <dd>{does}</dd>
          </div>
        ))}
        <div>
          <dt>
            <kbd>Alt + click, right click</kbd>
          </dt>
          <dd>Click the other way: not the object</dd>
        </div>
        <div>
          <dt>
            <kbd>Wheel, two fingers</kbd>
          </dt>
          <dd>Zoom and move; so does dragging with the space bar held</dd>
        </div>
      </dl>
      <Button kind="primary" onClick={onClose}>
        Close
      </Button>
    </Dialog>
  );
}
