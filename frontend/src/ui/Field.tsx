import { useId } from "preact/hooks";

import "./field.css";

interface FieldProps {
  label: string;
  hint?: string | undefined;
  error?: string | undefined;
  type?: "text" | "email" | "password" | "search";
  value: string;
  onValue: (value: string) => void;
  autocomplete?: string;
  inputMode?: "numeric";
  placeholder?: string;
  required?: boolean;
  minLength?: number;
  maxLength?: number;
  autofocus?: boolean;
}

/** A labelled input whose hint and error a screen reader reads with it. */
export function Field({ label, hint, error, type = "text", onValue, ...input }: FieldProps) {
  const id = useId();
  const told = error ?? hint;
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <input
        {...input}
        id={id}
        type={type as "text"} // Preact's types want one input element for each kind
        onInput={(event) => onValue(event.currentTarget.value)}
        {...(error && { "aria-invalid": true })}
        {...(told && { "aria-describedby": `${id}-told` })}
      />
      {told && (
        <p id={`${id}-told`} class={error ? "field-error" : "field-hint"}>
          {told}
        </p>
      )}
    </div>
  );
}
