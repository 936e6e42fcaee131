import { useState } from "preact/hooks";

import { printable } from "../api/names";
import { Button } from "./Button";
import { Dialog } from "./Dialog";
import { Field } from "./Field";
import { Notice } from "./Notice";
import { useTask } from "./useTask";

const LONGEST = 100;

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
            await onRename(printable(value, LONGEST) || null);
            onClose();
          });
        }}
      >
        {problem && <Notice kind="bad" title={problem.message} hint={problem.hint} />}
        <Field label="Name" value={value} onValue={setValue} maxLength={LONGEST} autofocus />
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
