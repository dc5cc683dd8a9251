#!/bin/sh
# A kind cluster and a registry for it on this machine at localhost:5001, as kind's own guide has it. Run in the
# repository; what is there already is left as it is.
set -eu
name=kind-registry
[ "$(docker inspect -f '{{.State.Running}}' "$name" 2>/dev/null || true)" = true ] ||
    docker run -d --restart=always -p 127.0.0.1:5001:5000 --network bridge --name "$name" registry:2.8.3
mkdir -p models
kind get clusters | grep -qx shale || kind create cluster --config deploy/kind/cluster.yaml
for node in $(kind get nodes --name shale); do
    docker exec "$node" mkdir -p /etc/containerd/certs.d/localhost:5001
    printf '[host."http://%s:5000"]\n' "$name" | docker exec -i "$node" cp /dev/stdin /etc/containerd/certs.d/localhost:5001/hosts.toml
done
[ "$(docker inspect -f '{{json .NetworkSettings.Networks.kind}}' "$name")" != null ] || docker network connect kind "$name"
kubectl --context kind-shale apply -f - <<END
apiVersion: v1
kind: ConfigMap
metadata: {name: local-registry-hosting, namespace: kube-public}
data: {localRegistryHosting.v1: 'host: "localhost:5001"'}
END
