//! A file of many Windows pods, for comparisons of speed.

/// `count` pods of about a kilobyte, one document each: as people write them, with comments, quotes and flow mappings.
#[must_use]
pub fn file(count: usize) -> String {
    (0..count).map(document).collect()
}

/// The document of the pod of that number, its separator included.
#[must_use]
pub fn document(number: usize) -> String {
    format!(
        r#"---
# Agent {number} of the node pool
apiVersion: v1
kind: Pod
metadata:
  name: agent-{number}
  namespace: kube-system
  labels:
    app.kubernetes.io/name: agent
    app.kubernetes.io/instance: "agent-{number}"
    tier: node
  annotations:
    description: "collects the counters of pool \"{number}\""
spec:
  os:
    name: windows
  hostNetwork: true
  securityContext:
    windowsOptions:
      hostProcess: true
      runAsUserName: 'NT AUTHORITY\SYSTEM'
  nodeSelector:
    kubernetes.io/os: windows
  tolerations:
  - operator: Exists # everywhere
  containers:
  - name: agent
    image: registry.example.com/agents/windows:v1.{number}
    imagePullPolicy: Always
    command:
    - powershell.exe
    - -NoLogo
    - -File
    - $env:CONTAINER_SANDBOX_MOUNT_POINT/agent.ps1
    args: ["--port", "9182", "--level", info]
    env:
    - name: NODE_NAME
      valueFrom:
        fieldRef:
          fieldPath: spec.nodeName
    - name: INTERVAL
      value: "30"
    resources:
      requests: {{cpu: 50m, memory: 64Mi}}
      limits: {{cpu: 500m, memory: 256Mi}}
    ports:
    - containerPort: 9182
      hostPort: 9182
      name: metrics
    volumeMounts:
    - name: config
      mountPath: /etc/agent
      readOnly: true
  volumes:
  - name: config
    configMap:
      name: agent-config
"#
    )
}
