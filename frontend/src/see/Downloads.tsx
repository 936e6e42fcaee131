import { useState } from "preact/hooks";

import { asRefusal, type Refusal } from "../api/problem";
import { Notice } from "../ui/Notice";
import { fileName, fileSize, save, type JobFiles } from "./files";
import { grouped, type FileWords } from "./formats";
import { Icon } from "./icons";

interface DownloadsProps {
  files: JobFiles;
  names: string[];
  model: string | undefined;
}

/** Every file of the job, with what it is for. Fetched here, so that it is saved under the model's name. */
export function Downloads({ files, names, model }: DownloadsProps) {
  const [problem, setProblem] = useState<Refusal | null>(null);
  return (
    <div class="downloads">
      {problem && <Notice kind="bad" title={problem.message} hint={problem.hint} />}
      {grouped(names).map((group) => (
        <section key={group.title}>
          <h4>{group.title}</h4>
          <ul>
            {group.files.map((file) => (
              <Download key={file.name} {...{ file, files, model }} onProblem={setProblem} />
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
  onProblem: (problem: Refusal | null) => void;
}

function Download({ file, files, model, onProblem }: DownloadProps) {
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

  return (
    <li>
      <button type="button" class="download" aria-busy={share !== null} onClick={() => void download()}>
        <Icon name="download" />
        <span class="download-title">{file.title}</span>
        <span class="download-size">
          {share === null ? fileSize(files.bytes(file.name)) : `${Math.round(share * 100)} %`}
        </span>
        <span class="download-words">{file.words}</span>
      </button>
    </li>
  );
}
