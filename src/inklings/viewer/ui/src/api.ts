/** Questions to the server; whatever goes wrong becomes a sentence. */

import type {
  Action, Bag, Case, Changed, Correction, Findings, Measured, Outlines, Row, Shape, Shelf,
} from "./types";

async function ask<T>(path: string, init?: RequestInit): Promise<T> {
  let answer: Response;
  try {
    answer = await fetch(path, { credentials: "same-origin", ...init });
  } catch {
    throw new Error("The viewer does not respond. Is 'inklings view' still running?");
  }
  if (!answer.ok) {
    let words = `The viewer answered with ${answer.status}.`;
    try {
      words = ((await answer.json()) as { error?: string }).error ?? words;
    } catch {
      // no words came with it
    }
    throw new Error(words);
  }
  return (await answer.json()) as T;
}

const of = (id: string): string => `/api/cases/${encodeURIComponent(id)}`;

function send<T>(path: string, body: unknown): Promise<T> {
  return ask<T>(path, {
    method: "POST",
    headers: { "content-type": "application/json", "x-inklings": "1" },
    body: JSON.stringify(body),
  });
}

export interface NewCorrection {
  action: Action;
  name: string;
  image?: string;
  shape?: Shape;
  fill?: Record<string, unknown>;
  present?: boolean;
  finding?: string;
}

export const api = {
  shelf: () => ask<Shelf>("/api/shelf"),
  cases: () => ask<Row[]>("/api/cases"),
  case: (id: string) => ask<Case>(of(id)),
  findings: (id: string, source: string) => ask<Findings>(`${of(id)}/findings/${source}`),
  contours: (id: string, layer: string) => ask<Outlines>(`${of(id)}/layers/${layer}/contours`),
  bag: (id: string) => ask<Bag>(`${of(id)}/bag`),
  corrections: (id: string) => ask<Correction[]>(`${of(id)}/corrections`),
  correct: (id: string, made: NewCorrection) => send<Correction>(`${of(id)}/corrections`, made),
  undo: (id: string, number: string) => send<unknown>(`${of(id)}/corrections/${number}/undo`, {}),
  redo: (id: string, number: string) => send<Correction>(`${of(id)}/corrections/${number}/redo`, {}),
  change: (id: string, body: object) => send<Changed>(`${of(id)}/change`, body),
  measure: (id: string, image: string, shape: Shape) =>
    send<Measured>(`${of(id)}/measure`, { image, shape }),
  /** Why a thumbnail cannot be shown. */
  why: (id: string) =>
    ask<unknown>(`${of(id)}/thumbnail`)
      .then(() => "This image cannot be shown.")
      .catch((error: unknown) => (error instanceof Error ? error.message : String(error))),
  thumbnail: (id: string) => `${of(id)}/thumbnail`,
  instance: (id: string, index: number) => `${of(id)}/instances/${index}`,
  tile: (id: string, image: string, level: number, x: number, y: number) =>
    `${of(id)}/tile/${level}/${x}/${y}?image=${encodeURIComponent(image)}`,
  layerTile: (id: string, layer: string, level: number, x: number, y: number) =>
    `${of(id)}/layers/${layer}/tile/${level}/${x}/${y}`,
  volume: (id: string, image: string, coarse: boolean) =>
    `${of(id)}/images/${encodeURIComponent(image)}/volume.nii.gz?coarse=${coarse}`,
  layerVolume: (id: string, layer: string, coarse: boolean) =>
    `${of(id)}/layers/${layer}/volume.nii.gz?coarse=${coarse}`,
};
