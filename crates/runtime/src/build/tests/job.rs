//! Jobs: one plan, and pods of it that know who they are.

use super::*;
use crate::conduct::Handler;
use crate::job::JobPlan;
use crate::volumes::Content;

fn job_of(text: &str) -> Result<Option<JobPlan>, Vec<String>> {
    with_request(text, &facts(Os::Linux), &Choices::default(), |request| {
        super::super::job(request)
    })
}

const JOB: &str = r#"apiVersion: batch/v1
kind: Job
metadata: {name: pi, namespace: ns}
spec:
  completions: 3
  completionMode: Indexed
  template:
    metadata: {labels: {app: web}}
    spec:
      restartPolicy: Never
      hostNetwork: true
      securityContext: {windowsOptions: {hostProcess: true, runAsUserName: SYSTEM}}
      volumes:
      - {name: scratch, emptyDir: {}}
      - {name: info, downwardAPI: {items: [{path: who, fieldRef: {fieldPath: metadata.name}}, {path: labels, fieldRef: {fieldPath: metadata.labels}}]}}
      containers:
      - name: c
        image: bare
        command: [x, '$(WHO)-$(JOB_COMPLETION_INDEX)']
        env:
        - {name: WHO, valueFrom: {fieldRef: {fieldPath: metadata.name}}}
        - {name: UID, valueFrom: {fieldRef: {fieldPath: metadata.uid}}}
        - {name: BOTH, value: 'a/$(WHO)/$(UID)'}
        - {name: JOB, valueFrom: {fieldRef: {fieldPath: "metadata.labels['job-name']"}}}
        livenessProbe: {exec: {command: [probe, '$(BOTH)']}}
        terminationMessagePath: /run/why
        volumeMounts:
        - {name: scratch, mountPath: /scratch, subPathExpr: '$(WHO)'}
        - {name: info, mountPath: /info}
"#;

#[test]
fn each_pod_of_a_job_knows_its_own_name_uid_and_index_everywhere() {
    let job = job_of(JOB).unwrap().unwrap();
    assert_eq!((job.namespace.as_str(), job.name.as_str()), ("ns", "pi"));
    let (first, second) = (job.pod(Some(0)), job.pod(Some(2)));
    assert_ne!(first.identity.uid, second.identity.uid);
    assert_ne!(first.containers[0].plan.id, second.containers[0].plan.id);
    for (pod, index) in [(&first, "0"), (&second, "2")] {
        let (name, uid) = (&pod.identity.name, &pod.identity.uid);
        assert!(name.starts_with(&format!("pi-{index}-")), "{name}");
        let directory = std::path::Path::new("/state/pods").join(format!("ns_{name}_{uid}"));
        assert_eq!(pod.directory, directory);
        let container = &pod.containers[0];
        let plan = &container.plan;
        assert_eq!(plan.pod, pod.identity);
        assert_eq!(plan.id, format!("{}-c", uid.replace('-', "").get(..16).unwrap()));
        assert_eq!(arguments(plan), ["x", &format!("{name}-{index}")]);
        assert_eq!(variable(plan, "WHO"), Some(name.as_str()));
        assert_eq!(variable(plan, "BOTH"), Some(format!("a/{name}/{uid}").as_str()));
        assert_eq!(variable(plan, "JOB"), Some("pi"));
        assert_eq!(variable(plan, "JOB_COMPLETION_INDEX"), Some(index));
        for volume in &pod.volumes {
            assert!(volume.path.starts_with(&directory), "{volume:?}");
        }
        for mount in &plan.mounts {
            assert!(mount.source.starts_with(&directory), "{mount:?}");
        }
        let sub_paths: Vec<_> = plan
            .mounts
            .iter()
            .filter_map(|mount| mount.sub_path.as_deref())
            .collect();
        assert_eq!(sub_paths, [std::path::Path::new(name)]);
        assert!(
            container
                .termination_message
                .file
                .as_ref()
                .unwrap()
                .starts_with(&directory)
        );
        let Content::Files(parts) = &pod.volumes[1].content else {
            panic!("the downward API makes files");
        };
        let text = |path: &str| {
            let file = parts[0].files.iter().find(|file| file.path == path).unwrap();
            String::from_utf8(file.content.clone()).unwrap()
        };
        assert_eq!(text("who"), *name);
        let labels = text("labels");
        assert!(
            labels.contains("app=\"web\"")
                && labels.contains(&format!("batch.kubernetes.io/job-completion-index=\"{index}\""))
                && labels.contains(&format!("controller-uid=\"{}\"", job.uid)),
            "{labels}"
        );
        let everything = serde_json::to_string(pod).unwrap();
        for mark in [&job.marks.name, &job.marks.uid, &job.marks.index] {
            assert!(!everything.contains(mark.as_str()), "{everything}");
        }
    }
    let probe = first.containers[0].probes.liveness.clone().unwrap();
    assert_eq!(
        probe.handler,
        Handler::Exec(vec!["probe".to_owned(), "a/$(WHO)/$(UID)".to_owned()])
    );
}

#[test]
fn a_plan_of_a_job_survives_its_way_to_a_supervisor() {
    let job = job_of(JOB).unwrap().unwrap();
    let text = serde_json::to_string(&job).unwrap();
    let read: JobPlan = serde_json::from_str(&text).unwrap();
    let identity = job.pod(None).identity;
    let json = |job: &JobPlan| serde_json::to_string(&job.named(&identity, Some(1))).unwrap();
    assert_eq!(json(&read), json(&job));
    assert_eq!(read.rules, job.rules);
}

#[test]
fn a_cron_jobs_job_is_one_and_other_kinds_have_none() {
    let cron = format!(
        "apiVersion: batch/v1\nkind: CronJob\nmetadata: {{name: nightly}}\nspec:\n  schedule: '* * * * *'\n  jobTemplate:\n    \
         spec:\n{}",
        JOB.split("spec:\n")
            .skip(1)
            .collect::<Vec<_>>()
            .join("spec:\n")
            .lines()
            .fold(String::new(), |text, line| { text + "    " + line + "\n" })
    );
    let job = job_of(&cron).unwrap().unwrap();
    assert_eq!(
        (job.name.as_str(), job.namespace.as_str(), job.rules.completions),
        ("nightly", "default", Some(3))
    );
    assert!(job_of(&text("command: [x]", "")).unwrap().is_none());
}

#[test]
fn what_a_jobs_pod_lacks_is_refused_before_anything_runs() {
    let refused = job_of(&JOB.replace("image: bare", "image: gone")).unwrap_err();
    assert_eq!(
        refused,
        ["spec.template.spec.containers[0].image: no image \"gone\""]
    );
}
