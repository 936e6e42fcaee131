import { Mesh, MeshStandardMaterial, type Material, type Object3D } from "three";
import { GLTFLoader } from "three/addons/loaders/GLTFLoader.js";
import { gain, type Layer } from "./layer";

/** The mesh, of a binary glTF file. Rejects where it is none. */
export async function meshLayer(data: ArrayBuffer): Promise<Layer> {
  const { scene } = await new GLTFLoader().parseAsync(data, "");
  const meshes = meshesOf(scene);
  const materials = meshes.flatMap((mesh) => mesh.material).filter(isStandard);
  const made = new Map(
    materials.map((it) => [
      it,
      { roughness: it.roughness, metalness: it.metalness, colour: it.color.clone() },
    ]),
  );
  return {
    object: scene,
    apply({ exposure, wireframe, roughness, metalness }) {
      for (const [material, own] of made) {
        material.wireframe = wireframe;
        material.roughness = roughness ?? own.roughness;
        material.metalness = metalness ?? own.metalness;
        // Light is linear, so a brighter surface is a longer exposure; nothing else in the scene is lit.
        material.color.copy(own.colour).multiplyScalar(gain(exposure));
      }
    },
    dispose() {
      for (const mesh of meshes) mesh.geometry.dispose();
      for (const material of materials) {
        material.map?.dispose();
        material.dispose();
      }
    },
  };
}

function meshesOf(root: Object3D): Mesh[] {
  const found: Mesh[] = [];
  root.traverse((object) => {
    if (object instanceof Mesh) found.push(object);
  });
  return found;
}

function isStandard(material: Material): material is MeshStandardMaterial {
  return material instanceof MeshStandardMaterial;
}
