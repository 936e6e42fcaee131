// What each of a job's files is, in words for a person who has never heard of it (docs/formats.md).

export interface FileWords {
  name: string;
  title: string;
  words: string;
}

interface Group {
  title: string;
  files: FileWords[];
}

const file = (name: string, title: string, words: string): FileWords => ({ name, title, words });

const GROUPS: readonly Group[] = [
  {
    title: "Model",
    files: [
      file(
        "mesh.glb",
        "GLB",
        "One file with colours. For most programs, engines and web pages; take this if unsure.",
      ),
      file("mesh.draco.glb", "GLB, compressed", "Much smaller, for web pages whose viewer knows Draco."),
      file("mesh-obj.zip", "OBJ", "Old and understood nearly everywhere. Unpack it first."),
      file("mesh.usdz", "USDZ", "For augmented reality on iPhone and iPad."),
      file("mesh.ply", "PLY", "With colours at its points, for MeshLab, CloudCompare and Blender."),
      file("mesh.stl", "STL", "Shape without colours, for 3D printing. Scale it there: it has no true size."),
    ],
  },
  {
    title: "Gaussian splats",
    files: [
      file("splat.ply", "Splats", "As they were reconstructed. For SuperSplat and other viewers of splats."),
      file(
        "splat-clean.ply",
        "Splats, cleaned",
        "Without what lies astray: those that the mesh was made of.",
      ),
      file("splat.spz", "Splats, compact", "The cleaned ones in a quarter of the bytes, for viewers of SPZ."),
    ],
  },
  {
    title: "Pictures and figures",
    files: [
      file("preview.png", "Picture", "The model from the front."),
      file("turntable.webp", "Turntable", "An animated picture, once around the model."),
      file("mask.png", "Mask", "Your object in the photo: white inside, black outside."),
      file("stats.json", "Statistics", "What was computed, and how long it took."),
    ],
  },
];

/** The files that there are, with their words; those without any come last, by their name. */
export function grouped(names: string[]): Group[] {
  const known = new Set(GROUPS.flatMap(({ files }) => files.map(({ name }) => name)));
  const others = names.filter((name) => !known.has(name)).map((name) => file(name, name, ""));
  return [
    ...GROUPS.map(({ title, files }) => ({ title, files: files.filter(({ name }) => names.includes(name)) })),
    { title: "Others", files: others },
  ].filter(({ files }) => files.length > 0);
}
