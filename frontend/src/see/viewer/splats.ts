import { SparkRenderer, SplatFileType, SplatMesh } from "@sparkjsdev/spark";
import { Group, type WebGLRenderer } from "three";
import { Z_UP_TO_Y_UP } from "./frames";
import { gain, type Layer } from "./layer";

interface SplatsOptions {
  /** spz is Y-up by its definition, ply is Z-up as Gaussians are. */
  type: "spz" | "ply";
  renderer: WebGLRenderer;
  /** Sorting goes on in a worker; when it is done, the picture is to be drawn again. */
  onChange: () => void;
}

/** The Gaussians as they are. Rejects where the file holds none. */
export async function splatsLayer(
  data: ArrayBuffer,
  { type, renderer, onChange }: SplatsOptions,
): Promise<Layer> {
  const splats = new SplatMesh({
    fileBytes: data,
    fileType: type === "spz" ? SplatFileType.SPZ : SplatFileType.PLY,
    raycastable: false,
  });
  await splats.initialized;
  if (type === "ply") splats.rotation.x = Z_UP_TO_Y_UP;
  const spark = new SparkRenderer({ renderer, onDirty: onChange });
  const object = new Group().add(spark, splats);
  // Until they have been sorted for the first time there are none to draw.
  const drawn = new Promise<void>((resolve) => {
    spark.onAfterRender = () => spark.activeSplats > 0 && resolve();
  });
  return {
    object,
    drawn,
    apply({ exposure }) {
      splats.recolor.setScalar(gain(exposure));
      splats.updateVersion();
    },
    dispose() {
      splats.dispose();
      spark.dispose();
    },
  };
}
