import { BufferAttribute, BufferGeometry, Points, PointsMaterial } from "three";
import { Z_UP_TO_Y_UP } from "./frames";
import { gain, type Layer } from "./layer";
import { readPoints } from "./ply";

/** The Gaussians' centres, of a PLY file. Throws PlyInvalid. */
export function pointsLayer(data: ArrayBuffer): Layer {
  const { positions, colours } = readPoints(data);
  const geometry = new BufferGeometry();
  geometry.setAttribute("position", new BufferAttribute(positions, 3));
  geometry.setAttribute("color", new BufferAttribute(colours, 3));
  const material = new PointsMaterial({ vertexColors: true, sizeAttenuation: false, toneMapped: false });
  const object = new Points(geometry, material);
  object.rotation.x = Z_UP_TO_Y_UP;
  return {
    object,
    apply({ exposure, pointSize }) {
      material.color.setScalar(gain(exposure));
      material.size = pointSize * window.devicePixelRatio;
    },
    dispose() {
      geometry.dispose();
      material.dispose();
    },
  };
}
