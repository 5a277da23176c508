/** What the server says; the names are those of its answers. */

export interface PredictionInfo {
  name: string;
  metric: string;
  higher: boolean;
  classes: string[];
  bags: boolean;
}

export interface Shelf {
  title: string;
  classes: string[];
  colours: [number, number, number][];
  /** Whether the annotator names the classes. */
  namedFreely: boolean;
  readOnly: boolean;
  author: string;
  tile: number;
  predictions: PredictionInfo[];
  /** Whether it is known which cases to correct next. */
  suggests: boolean;
  version: string;
}

export interface Row {
  id: string;
  patient: string;
  split: string | null;
  labels: string[];
  predicted: boolean[];
  scores: (number | null)[];
  unlike: boolean;
  /** Place among those to correct next. */
  suggested: number | null;
  corrections: number;
}

export interface Layer {
  id: string;
  title: string;
  kind: "codes" | "probability";
  source: string;
  classes: string[];
  colours: [number, number, number][];
  thresholds: number[];
  height: number;
  width: number;
  span: number;
  guaranteed: boolean;
}

export interface Case {
  id: string;
  patient: string;
  split: string | null;
  kind: "slide" | "picture" | "volume" | "bag";
  facts: Record<string, string>;
  images: string[];
  answers: Record<string, boolean>;
  layers: Layer[];
  predicted: number[];
  shape: number[];
  spacingUm: number[] | null;
  levels: [number, number];
  units?: "HU" | "grey";
  /** From millimetres of the page to an index in array order. */
  toSamples?: number[][];
}

export interface Finding {
  id: string;
  title: string;
  probability: number | null;
  malignancy: number | null;
  size: number;
  unit: string;
  centre: number[];
  radii: number[];
  point: [number, number, number] | null;
  /** Whether its samples are known, not only its place and size. */
  outlined: boolean;
}

export interface Findings {
  findings: Finding[];
  funnel: Record<string, number>;
}

export interface Shape {
  kind: "polygon" | "stroke" | "ball" | "mask";
  points: number[][];
  radii: number[];
  plane?: number | null;
  axis?: number;
  size?: number[];
  runs?: string;
}

export type Action = "is" | "is_not" | "accept" | "reject" | "bag";

export interface Correction {
  id: string;
  case: string;
  action: Action;
  name: string;
  author: string;
  time: string;
  image: string;
  shape: Shape | null;
  present: boolean | null;
  finding: string;
  undone: string;
  replaces: Record<string, unknown>;
}

/** What an image has in a region. */
export interface Measured {
  n: number;
  step: number;
  axes: number;
  content: number;
  known: boolean;
  channels: { name: string; mean: number; sd: number; min: number; max: number }[];
}

/** What was saved, and what it stands in for. */
export interface Changed {
  made: Correction[];
  undone: string[];
}

export interface Instance {
  index: number;
  /** One number a channel, 0 to 1. */
  evidence: number[];
  place: [number, number] | null;
  /** Which slide it lies on, and where: first row, first column, height, width. */
  slide: number;
  box: [number, number, number, number] | null;
}

export interface BagPrediction {
  name: string;
  classes: string[];
  channels: string[];
  probability: number[];
  thresholds: number[];
  meaning: string;
  count: number;
  instances: Instance[];
}

export interface Bag {
  case: string;
  pictures: boolean;
  labels: Record<string, boolean>;
  /** Ids of its slides; none where they are not known. */
  slides: string[];
  predictions: BagPrediction[];
}

export interface Outlines {
  features: { properties: { class: string }; geometry: { coordinates: [number, number][][] } }[];
}
