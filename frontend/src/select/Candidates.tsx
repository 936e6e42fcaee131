import { useId } from "preact/hooks";

import type { PhotoView } from "../api/types";
import { pathData } from "./contour";
import type { Action, Marked } from "./objects";
import type { Candidate } from "./segmenter";

const NAMES = ["Best guess", "Part", "Object", "Whole"];

interface CandidatesProps {
  photo: PhotoView;
  object: Marked;
  candidates: readonly Candidate[];
  onAction: (action: Action) => void;
}

/** The decoder's readings of the same clicks, to choose from. */
export function Candidates({ photo, object, candidates, onAction }: CandidatesProps) {
  const id = useId();
  const scale = 128 / Math.max(photo.width, photo.height); // SIDE.thumbnail of the segmenter
  const [width, height] = [photo.width * scale, photo.height * scale];
  return (
    <fieldset class="select-section">
      <legend class="select-legend">What is meant?</legend>
      <div class="select-candidates">
        {candidates.map(({ score, contour }, number) => (
          <label key={number} class="select-candidate">
            <input
              type="radio"
              name={id}
              checked={object.candidate === number}
              onChange={() => onAction({ do: "candidate", candidate: number })}
            />
            <span class="select-thumbnail">
              <img src={photo.thumbnail_url} crossOrigin="anonymous" alt="" />
              <svg viewBox={`0 0 ${width} ${height}`} preserveAspectRatio="none" aria-hidden="true">
                <path d={pathData(contour)} fill={object.colour} stroke={object.colour} />
              </svg>
            </span>
            <span>{NAMES[number]}</span>
            <span class="select-score">{Math.round(Math.min(Math.max(score, 0), 1) * 100)} %</span>
          </label>
        ))}
      </div>
    </fieldset>
  );
}
