import { useState } from "preact/hooks";

import { Button } from "./Button";
import { Dialog } from "./Dialog";
import { Field } from "./Field";
import { Notice } from "./Notice";
import { useTask } from "./useTask";

interface RenameProps {
  title: string;
  name: string;
  /** null takes the name away. */
  onRename: (name: string | null) => Promise<unknown>;
  onClose: () => void;
}

export function Rename({ title, name, onRename, onClose }: RenameProps) {
  const [value, setValue] = useState(name);
  const { busy, problem, run } = useTask();
  return (
    <Dialog title={title} onClose={onClose}>
      <form
        class="dialog-form"
        onSubmit={(event) => {
          event.preventDefault();
          void run(async () => {
            await onRename(value.trim() || null);
            onClose();
          });
        }}
      >
        {problem && <Notice kind="bad" title={problem.message} hint={problem.hint} />}
        <Field label="Name" value={value} onValue={setValue} maxLength={100} autofocus />
        <div class="actions">
          <Button onClick={onClose}>Cancel</Button>
          <Button kind="primary" type="submit" busy={busy}>
            Save
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
