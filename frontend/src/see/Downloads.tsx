import { useState } from "preact/hooks";

import { asRefusal, type Refusal } from "../api/problem";
import { Notice } from "../ui/Notice";
import { toast } from "../ui/Toast";
import { fileName, fileSize, save, type JobFiles } from "./files";
import { grouped, type FileWords } from "./formats";
import { Icon } from "./icons";

interface DownloadsProps {
  files: JobFiles;
  names: string[];
  model: string | undefined;
  /** Makes a link to a file that works for anybody, for a day. */
  linkTo: (name: string) => Promise<string>;
}

/** Every file of the job, with what it is for. Fetched here, so that it is saved under the model's name. */
export function Downloads({ files, names, model, linkTo }: DownloadsProps) {
  const [problem, setProblem] = useState<Refusal | null>(null);
  return (
    <div class="downloads">
      {problem && <Notice kind="bad" title={problem.message} hint={problem.hint} />}
      {grouped(names).map((group) => (
        <section key={group.title}>
          <h4>{group.title}</h4>
          <ul>
            {group.files.map((file) => (
              <Download key={file.name} {...{ file, files, model, linkTo }} onProblem={setProblem} />
            ))}
          </ul>
        </section>
      ))}
    </div>
  );
}

interface DownloadProps {
  file: FileWords;
  files: JobFiles;
  model: string | undefined;
  linkTo: DownloadsProps["linkTo"];
  onProblem: (problem: Refusal | null) => void;
}

function Download({ file, files, model, linkTo, onProblem }: DownloadProps) {
  const [share, setShare] = useState<number | null>(null);

  async function download(): Promise<void> {
    if (share !== null) return;
    onProblem(null);
    setShare(0);
    try {
      const content = await files.read(file.name, { onProgress: setShare });
      save(new Blob([content]), fileName(model, file.name));
    } catch (error) {
      onProblem(asRefusal(error));
    }
    setShare(null);
  }

  async function copyLink(): Promise<void> {
    onProblem(null);
    try {
      await navigator.clipboard.writeText(await linkTo(file.name));
      toast(`The link to ${file.title} is copied. Whoever has it can download the file for 24 hours.`);
    } catch (error) {
      onProblem(asRefusal(error));
    }
  }

  return (
    <li class="download-item">
      <button type="button" class="download" aria-busy={share !== null} onClick={() => void download()}>
        <Icon name="download" />
        <span class="download-title">{file.title}</span>
        <span class="download-size">
          {share === null ? fileSize(files.bytes(file.name)) : `${Math.round(share * 100)} %`}
        </span>
        <span class="download-words">{file.words}</span>
      </button>
      <button
        type="button"
        class="download-link"
        aria-label={`Copy a link to ${file.title}`}
        title="Copy a link"
        onClick={() => void copyLink()}
      >
        <Icon name="link" />
      </button>
    </li>
  );
}
