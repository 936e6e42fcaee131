#!/usr/bin/env bash
# Builds an image of the endpoint: container/build.sh cpu|gpu [TAG]. Prints each command before it runs it.
#
# cpu  Dockerfile.cpu: the weight-free engines.
# gpu  Dockerfile: SAM 3 and SAM 3D Objects. It asks for three addresses in the environment, which PyTorch's and
#      kaolin's installation pages name:
#        SAM3_TORCH_INDEX   index of PyTorch's builds for CUDA 12.6
#        SAM3D_TORCH_INDEX  index of PyTorch's builds for CUDA 12.1
#        KAOLIN_LINKS       page with kaolin's builds for PyTorch 2.5.1 and CUDA 12.1
set -euo pipefail
cd "$(dirname "$0")/.."

kind=${1:-}
tag=${2:-gen3d-inference:$kind}
case $kind in
    cpu) command=(docker build --file container/Dockerfile.cpu) ;;
    gpu)
        command=(docker build --file container/Dockerfile)
        for name in SAM3_TORCH_INDEX SAM3D_TORCH_INDEX KAOLIN_LINKS; do
            [[ -n ${!name:-} ]] || { echo "$name is not set: see the head of $0"; exit 2; }
            command+=(--build-arg "$name=${!name}")
        done
        ;;
    *)
        sed -n '2,9s/^# \{0,1\}//p' "$0"
        exit 2
        ;;
esac
command+=(--platform linux/amd64 --tag "$tag" .)

printf '+'
printf ' %q' "${command[@]}"
echo
docker info >/dev/null 2>&1 || { echo "No Docker engine runs here, so nothing was built."; exit 3; }
"${command[@]}"
docker image inspect --format 'built {{.Id}}, {{.Size}} bytes' "$tag"
