//! Manifests as users of `podman kube play` and `kubectl apply` have them, made HostProcess.

use std::fs;

use crate::room::{Room, until};

const SECURITY: &str = "hostNetwork: true, securityContext: {windowsOptions: {hostProcess: true, runAsUserName: 'NT \
                        AUTHORITY\\SYSTEM'}}";

/// A Deployment with what such manifests have: comments, timestamps, a Service, an init container that fills a shared
/// `emptyDir`, a sidecar with a startup probe, `envFrom` of both kinds, ports by name, probes, limits, a `hostPath`.
fn web(host: &str) -> String {
    format!(
        r#"# Save the output of this file and use kubectl create -f to import
# it into Kubernetes.
apiVersion: v1
kind: ConfigMap
metadata:
  name: web-config
  creationTimestamp: "2024-01-11T10:10:10Z"
data:
  GREETING: hello
  page: |
    <h1>hi</h1>
---
apiVersion: v1
kind: Secret
metadata: {{name: web-secret}}
type: Opaque
data: {{PASSWORD: aHVudGVyMg==}}
stringData: {{TOKEN: abc}}
---
apiVersion: v1
kind: Service
metadata: {{name: web}}
spec: {{selector: {{app: web}}, ports: [{{port: 8080, targetPort: http}}]}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {{name: web, labels: {{app: web}}}}
spec:
  replicas: 2
  selector: {{matchLabels: {{app: web}}}}
  template:
    metadata:
      labels: {{app: web}}
      annotations: {{io.podman.annotations.ulimit: "nofile=524288:524288"}}
    spec:
      hostNetwork: true
      securityContext: {{windowsOptions: {{hostProcess: true, runAsUserName: 'NT AUTHORITY\SYSTEM'}}}}
      restartPolicy: Always
      initContainers:
      - name: setup
        image: i
        command: ["sh", "-c", "cp /etc/web/page /srv/web/ && echo $GREETING > /srv/web/greeting"]
        envFrom: [{{configMapRef: {{name: web-config}}}}]
        volumeMounts: [{{name: www, mountPath: /srv/web}}, {{name: cfg, mountPath: /etc/web, readOnly: true}}]
      - name: logger
        image: i
        restartPolicy: Always
        command: ["sh", "-c"]
        args: ["touch /srv/web/log; exec tail -F /srv/web/log"]
        startupProbe: {{exec: {{command: ["test", "-e", "/srv/web/log"]}}, periodSeconds: 1, failureThreshold: 30}}
        volumeMounts: [{{name: www, mountPath: /srv/web}}]
      containers:
      - name: web
        image: i
        command: ["sh", "-c"]
        args: ["trap 'exit 0' TERM; echo $GREETING $PASSWORD $TOKEN $(PORT) >> /srv/web/log; : > /data/$POD; while :; do sleep 0.05; done"]
        ports: [{{name: http, containerPort: 18080}}]
        env:
        - {{name: PORT, value: "18080"}}
        - {{name: POD, valueFrom: {{fieldRef: {{fieldPath: metadata.name}}}}}}
        envFrom:
        - configMapRef: {{name: web-config}}
        - secretRef: {{name: web-secret}}
        - secretRef: {{name: not-there, optional: true}}
        resources: {{limits: {{memory: 128Mi, cpu: "1"}}, requests: {{memory: 64Mi}}}}
        livenessProbe: {{exec: {{command: ["cat", "/srv/web/greeting"]}}, periodSeconds: 1}}
        readinessProbe: {{exec: {{command: ["test", "-s", "/srv/web/log"]}}, periodSeconds: 1}}
        volumeMounts: [{{name: www, mountPath: /srv/web}}, {{name: host, mountPath: /data}}]
      volumes:
      - {{name: www, emptyDir: {{}}}}
      - {{name: cfg, configMap: {{name: web-config}}}}
      - {{name: host, hostPath: {{path: {host}, type: DirectoryOrCreate}}}}
"#
    )
}

#[test]
#[ignore = "needs root"]
fn a_deployment_with_all_that_it_stands_on_runs_detached_from_one_file() {
    let room = Room::new();
    let host = room.path("host");
    let ended = room.detach(&web(&host.display().to_string()));
    assert_eq!(
        (ended.code, ended.out.as_str(), ended.err.as_str()),
        (Some(0), "default/web-0\ndefault/web-1\n", ""),
        "nothing is said that concerns nobody"
    );
    room.good("wait", &["--for", "ready", "--timeout", "60", "pod.yaml"]);
    let listed = room.good("ps", &[]);
    assert_eq!(listed.matches(" 2/2 ").count(), 2, "the sidecar counts: {listed}");
    for pod in ["web-0", "web-1"] {
        until("the sidecar to have said what the container wrote", || {
            room.good("logs", &[pod, "-c", "logger"])
                .contains("hello hunter2 abc 18080")
        });
        assert!(host.join(pod).exists(), "{pod}");
        let page = room.good("exec", &[pod, "-c", "web", "--", "cat", "/srv/web/page"]);
        assert_eq!(page, "<h1>hi</h1>\n");
    }
    assert_eq!(room.good("stop", &["pod.yaml"]), "default/web-0\ndefault/web-1\n");
    assert_eq!(room.porthole("wait", &["pod.yaml"]).code, Some(0));
    room.good("rm", &["pod.yaml"]);
    fs::remove_dir_all(host).unwrap();
    room.finds_nothing("");
}

#[test]
#[ignore = "needs root"]
fn a_list_runs_each_of_its_workloads_and_says_what_makes_no_pod() {
    let room = Room::new();
    let container = |name: &str, script: &str| {
        format!("containers: [{{name: {name}, image: i, command: [sh, -c, '{script}']}}]")
    };
    let list = format!(
        "apiVersion: v1\nkind: List\nitems:\n- {{apiVersion: v1, kind: PersistentVolumeClaim, metadata: {{name: data}}}}\n- \
         {{apiVersion: apps/v1, kind: DaemonSet, metadata: {{name: agent}}, spec: {{selector: {{matchLabels: {{a: b}}}}, template: \
         {{metadata: {{labels: {{a: b}}}}, spec: {{{SECURITY}, {}}}}}}}}}\n- {{apiVersion: batch/v1, kind: Job, metadata: {{name: \
         migrate}}, spec: {{backoffLimit: 0, template: {{spec: {{restartPolicy: Never, {SECURITY}, {}}}}}}}}}\n- {{apiVersion: \
         extensions/v1beta1, kind: Deployment, metadata: {{name: old}}}}\n",
        container("agent", "trap \"exit 0\" TERM; while :; do sleep 0.05; done"),
        container("m", "exit 3"),
    );
    let ended = room.detach(&list);
    assert_eq!(
        (ended.code, ended.out.as_str()),
        (Some(0), "default/agent\ndefault/migrate\n"),
        "{ended:?}"
    );
    assert!(
        ended.err.contains("Deployment old makes no pod") && !ended.err.contains("PersistentVolumeClaim"),
        "{ended:?}"
    );
    assert!(!ended.err.contains("in the foreground"), "{ended:?}");
    let waited = room.porthole("wait", &["migrate"]);
    assert_eq!(waited.code, Some(3), "{waited:?}");
    assert!(
        waited.err.contains("container `m`: exit code 3: Error"),
        "{waited:?}"
    );
    let again = room.porthole("run", &["--detach", "--replace", "-v", "pod.yaml"]);
    assert!(
        again.err.contains("PersistentVolumeClaim data makes no pod"),
        "{again:?}"
    );
    assert_eq!(
        room.good("rm", &["-f", "pod.yaml"]),
        "default/agent\ndefault/migrate\n"
    );
    room.finds_nothing("");
}
