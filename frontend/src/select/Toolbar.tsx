import { Icon, type IconName } from "./icons";
import { TOOLS, type Command, type Tool } from "./tools";

interface ToolbarProps {
  tool: Tool;
  onTool: (tool: Tool) => void;
  onCommand: (command: Command) => void;
  canUndo: boolean;
  canRedo: boolean;
}

const VIEW: readonly [Command & IconName, string][] = [
  ["in", "Zoom in"],
  ["out", "Zoom out"],
  ["fit", "Whole photo"],
  ["help", "Keyboard shortcuts"],
];

export function Toolbar({ tool, onTool, onCommand, canUndo, canRedo }: ToolbarProps) {
  return (
    <div class="select-tools">
      <div role="group" aria-label="Tools" class="select-group">
        {TOOLS.map((it) => (
          <button
            key={it.tool}
            type="button"
            class="select-tool"
            aria-pressed={tool === it.tool}
            aria-keyshortcuts={it.key.toUpperCase()}
            title={`${it.hint} (${it.key.toUpperCase()})`}
            onClick={() => onTool(it.tool)}
          >
            <Icon name={it.tool} />
            <span>{it.label}</span>
          </button>
        ))}
      </div>
      <div role="group" aria-label="Steps" class="select-group">
        <Plain name="undo" label="Undo" keys="Control+Z" off={!canUndo} run={() => onCommand("undo")} />
        <Plain name="redo" label="Redo" keys="Control+Shift+Z" off={!canRedo} run={() => onCommand("redo")} />
      </div>
      <div role="group" aria-label="View" class="select-group select-view">
        {VIEW.map(([command, label]) => (
          <Plain key={command} name={command} label={label} run={() => onCommand(command)} />
        ))}
      </div>
    </div>
  );
}

interface PlainProps {
  name: IconName;
  label: string;
  keys?: string;
  off?: boolean;
  run: () => void;
}

function Plain({ name, label, keys, off = false, run }: PlainProps) {
  // Not `disabled`: that would throw the focus off the button with the last step.
  return (
    <button
      type="button"
      class="select-tool"
      aria-disabled={off}
      title={label}
      onClick={() => !off && run()}
      {...(keys && { "aria-keyshortcuts": keys })}
    >
      <Icon name={name} />
      <span>{label}</span>
    </button>
  );
}
