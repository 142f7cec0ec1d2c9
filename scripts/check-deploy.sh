#!/bin/sh
# Checks the files in deploy/ and .github/ against the schemas of the programs that read them, the scripts with shellcheck, and the
# systemd unit's exposure. Installs its checkers (scripts/deploy-checks.txt) into target/deploy-checks; what cannot be installed is skipped.
set -eu
cd "$(dirname "$0")/.."

checks=target/deploy-checks
if ! cmp -s scripts/deploy-checks.txt "$checks/installed.txt"; then
    # Debian has the module apart from its interpreter.
    python3 -c 'import ensurepip' 2>/dev/null || ./scripts/setup-tests.sh
    python3 -m venv "$checks"
    if "$checks/bin/pip" install --quiet --disable-pip-version-check -r scripts/deploy-checks.txt >&2; then
        cp scripts/deploy-checks.txt "$checks/installed.txt"
    else
        echo "check-deploy: the checkers cannot be installed; files in deploy/ are not checked" >&2
    fi
fi

if [ -e "$checks/installed.txt" ]; then
    "$checks/bin/hadolint" deploy/docker/Dockerfile deploy/docker/Dockerfile.cuda
    "$checks/bin/check-jsonschema" --quiet --builtin-schema vendor.compose-spec deploy/docker/compose*.yaml
    "$checks/bin/check-jsonschema" --quiet --builtin-schema vendor.github-workflows .github/workflows/*.yml
    "$checks/bin/check-jsonschema" --quiet --builtin-schema vendor.github-issue-forms .github/ISSUE_TEMPLATE/bug.yml .github/ISSUE_TEMPLATE/feature.yml
    # Patches, kustomizations and the operator's own kinds have no schema here: they are read, and name files that exist.
    "$checks/bin/python" - deploy/kubernetes/*/kustomization.yaml <<'END'
import pathlib, sys, yaml
for path in map(pathlib.Path, sys.argv[1:]):
    kustomization = yaml.safe_load(path.read_text())
    patches = [patch["path"] for patch in kustomization.get("patches", [])]
    for name in kustomization["resources"] + patches:
        file = path.parent / name
        assert file.exists(), f"{path}: {name} does not exist"
        if file.is_file():
            list(yaml.safe_load_all(file.read_text()))
END
    "$checks/bin/kubernetes-validate" --strict --quiet deploy/kubernetes/base/deployment.yaml \
        deploy/kubernetes/base/service.yaml deploy/kubernetes/base/storage.yaml \
        deploy/kubernetes/scaled/api.yaml deploy/kubernetes/scaled/worker.yaml deploy/kubernetes/scaled/notifier.yaml \
        deploy/kubernetes/scaled/secret.example.yaml
    # What is applied, patches included.
    if command -v kubectl >/dev/null; then
        for overlay in base cuda scaled; do
            kubectl kustomize "deploy/kubernetes/$overlay" >"$checks.$overlay.yaml"
            "$checks/bin/kubernetes-validate" --strict --quiet "$checks.$overlay.yaml"
        done
    else
        echo "skipped: kubectl is not installed; the manifests are not checked with their patches" >&2
    fi
    git ls-files '*.sh' deploy/debian .ci | xargs "$checks/bin/shellcheck" --severity warning --exclude SC2034,SC2154
fi

if command -v systemd-analyze >/dev/null; then
    # Threshold 25 is an exposure of 2.5.
    systemd-analyze security --no-pager --offline=true --threshold=25 deploy/systemd/verbatim.service >"$checks.exposure" ||
        { cat "$checks.exposure"; exit 1; }
    tail -n 1 "$checks.exposure"
fi
