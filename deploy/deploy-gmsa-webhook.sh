#!/bin/sh
# Deploys the GMSA webhook by `porthole install`, with the flags of the deploy script of kubernetes-sigs/windows-gmsa.
set -eu

usage() {
    cat <<'USAGE'
usage: deploy-gmsa-webhook.sh --file FILE [OPTION…]

  --file FILE            where the manifests of the deployment are written (required)
  --name NAME            the name of its objects (gmsa-webhook)
  --namespace NAME       its namespace (gmsa-webhook)
  --image IMAGE          the server's image
  --certs-dir DIR        accepted, and not needed: the server makes its own certificates
  --dry-run[=HOW]        client (names the objects) or server (has the API server judge them); nothing is changed
  --overwrite            write FILE even if it is there
  --tolerate-master      let the server run on nodes of the control plane
  --take-over            replace an installation of kubernetes-sigs/windows-gmsa that has another name: give
                         this one another --name than it has
  --uninstall            remove the webhook; credential specs and their definition stay
  --help                 this text

PORTHOLE names the program (porthole), KUBECONFIG the cluster.
USAGE
}

fail() {
    echo "$1" >&2
    usage >&2
    exit 1
}

file= name=gmsa-webhook namespace=gmsa-webhook image= dry_run= overwrite= tolerate= take_over= uninstall=
while [ $# -gt 0 ]; do
    case "$1" in
        --file | --name | --namespace | --image | --certs-dir)
            [ $# -ge 2 ] || fail "$1 needs a value"
            case "$1" in
                --file) file=$2 ;;
                --name) name=$2 ;;
                --namespace) namespace=$2 ;;
                --image) image=$2 ;;
            esac
            shift
            ;;
        --dry-run) dry_run=client ;;
        --dry-run=client | --dry-run=server) dry_run=${1#--dry-run=} ;;
        --overwrite) overwrite=1 ;;
        --tolerate-master) tolerate=1 ;;
        --take-over) take_over=1 ;;
        --uninstall) uninstall=1 ;;
        --help | -h)
            usage
            exit 0
            ;;
        *) fail "Unknown option: $1" ;;
    esac
    shift
done

porthole=${PORTHOLE:-porthole}
set -- --name "$name" --namespace "$namespace"
[ -z "$image" ] || set -- "$@" --image "$image"
if [ -n "$tolerate" ]; then
    for taint in master control-plane; do
        set -- "$@" --toleration "node-role.kubernetes.io/$taint:NoSchedule"
    done
fi

if [ -z "$uninstall" ]; then
    [ -n "$file" ] || fail "--file is missing"
    if [ -e "$file" ] && [ -z "$overwrite" ]; then
        fail "$file is there already; --overwrite writes it anew"
    fi
    "$porthole" install --print "$@" >"$file"
    [ -z "$take_over" ] || set -- "$@" --take-over
else
    set -- "$@" --uninstall
fi
[ -z "$dry_run" ] || set -- "$@" --dry-run="$dry_run"
exec "$porthole" install "$@"
