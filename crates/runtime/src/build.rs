//! From a pod to its plans: everything that can be decided, and refused, before anything is made.

mod command;
mod conduct;
mod downward;
mod environment;
mod identity;
mod images;
mod job;
pub mod limits;
mod objects;
mod qos;
mod user;
mod volumes;

use std::path::Path;

use porthole_manifest::{PodTemplate, Span};
use porthole_pod::{EffectiveOptions, containers_of, effective, node, required_os};

use crate::conduct::{ContainerPlan, Role};
use crate::engine::{HostFacts, Os, Signal};
use crate::life::PodPlan;
use crate::plan::{Plan, PodIdentity, Rootfs, Stop, View};
use crate::spec::{ContainerSpec, PodSpec, Refusal};

pub(crate) use identity::{container_id, container_ids_of, fresh_suffix, fresh_uid};
pub use images::HostImages;
pub use job::job;
pub use limits::{Limit, LimitChoice, LimitChoices};
pub use objects::{ObjectError, Objects};

/// What the user chose beyond the manifest.
#[derive(Clone, Debug, Default)]
pub struct Choices {
    /// The name of the pod, or of the job, whatever its manifest calls it.
    pub name: Option<String>,
    /// Containers run as whoever runs porthole.
    pub inherit_user: bool,
    /// Pods that are not HostProcess run as if they were.
    pub as_host_process: bool,
    /// Pods made for the other system run here all the same.
    pub any_node: bool,
    /// How containers see their rootfs; the host's best way where it is not chosen.
    pub view: Option<View>,
    /// Limits before those of the manifest.
    pub limits: LimitChoices,
}

/// What of an image a container needs.
#[derive(Clone, Debug)]
pub struct ContainerImage {
    /// What the rootfs is made of.
    pub rootfs: Rootfs,
    /// `ENV`.
    pub environment: Vec<(String, String)>,
    /// `ENTRYPOINT`.
    pub entrypoint: Vec<String>,
    /// `CMD`.
    pub command: Vec<String>,
    /// Windows only: the first text of `ENTRYPOINT`, or of `CMD` without one, is a command line already.
    pub arguments_escaped: bool,
    /// `USER`.
    pub user: Option<String>,
    /// `WORKDIR`.
    pub working_directory: Option<String>,
}

/// Why there is no image: the reason, and what to try.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageRefusal {
    /// A lower-case fragment.
    pub reason: String,
    /// What to try.
    pub help: String,
}

/// Finds images by the name that a pod gives them.
pub trait Images {
    /// The image of that name for this host.
    ///
    /// # Errors
    /// There is none, or it cannot be used.
    fn find(&self, name: &str) -> Result<ContainerImage, ImageRefusal>;
}

/// Everything that plans are made of.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    /// The pod, or the workload that makes it.
    pub template: &'a PodTemplate<'a>,
    /// What was read of it.
    pub spec: &'a PodSpec,
    /// The namespace of objects that name none.
    pub namespace: &'a str,
    /// ConfigMaps and Secrets.
    pub objects: &'a Objects<'a>,
    /// Images.
    pub images: &'a dyn Images,
    /// The host.
    pub facts: &'a HostFacts,
    /// The state directory.
    pub state: &'a Path,
    /// The user's choices.
    pub choices: &'a Choices,
}

/// The plans of the pods that a template makes on this host: one, or as many as a workload wants. The pods of a Job are made
/// one after the other, by [`job`]; here they are as many as run at a time.
///
/// # Errors
/// Everything that is refused.
pub fn pods(request: &Request<'_>) -> Result<Vec<PodPlan>, Vec<Refusal>> {
    refusals_of_the_host(request)?;
    identity::identities(request)
        .into_iter()
        .map(|identity| pod(request, identity))
        .collect()
}

/// What is refused whatever the pod's containers are.
fn refusals_of_the_host(request: &Request<'_>) -> Result<(), Vec<Refusal>> {
    let mut refusals = host_refusals(request.template, request.facts.os, request.choices);
    refusals.extend(refused_views(request));
    refusals.extend(refused_namespace(request));
    if refusals.is_empty() {
        Ok(())
    } else {
        Err(refusals)
    }
}

/// Why a host of this system runs no pod of the template, whatever images and objects there are.
#[must_use]
pub fn host_refusals(template: &PodTemplate<'_>, os: Os, choices: &Choices) -> Vec<Refusal> {
    let mut refusals: Vec<Refusal> = refused_by_the_node(template, os, choices).into_iter().collect();
    refusals.extend(refused_for_isolation(template, choices));
    refusals
}

/// A pod made for the other system, in the node's words.
fn refused_by_the_node(template: &PodTemplate<'_>, os: Os, choices: &Choices) -> Option<Refusal> {
    if choices.any_node {
        return None;
    }
    let system = system_name(os);
    let refusal = node::admit(template, system)?;
    let place = template.spec.unwrap_or(template.object);
    let (field, span) = match &refusal.origin {
        Some(origin) => (origin.field.clone(), origin.span),
        None => (template.prefix.to_owned(), place.span()),
    };
    let reason = format!("{refusal} (this host is a {system} node)");
    Some(Refusal {
        field,
        span,
        reason,
        help: Some("run it all the same with --any-node".to_owned()),
    })
}

/// How Kubernetes names a system.
#[must_use]
pub fn system_name(os: Os) -> &'static str {
    match os {
        Os::Linux => "linux",
        Os::Windows => "windows",
    }
}

/// Containers that are not HostProcess ask to be isolated.
fn refused_for_isolation(template: &PodTemplate<'_>, choices: &Choices) -> Vec<Refusal> {
    let for_linux = required_os(template).iter().any(|(system, _)| system == "linux");
    let mut refusals = Vec::new();
    for container in porthole_pod::containers(template) {
        if effective::resolve(template, Some(container)).is_host_process() {
            continue;
        }
        let reason = "asks for isolation, which porthole does not give: it runs HostProcess containers";
        let (field, span) = (container.path(), container.node.span());
        if for_linux {
            let help = "set securityContext.windowsOptions.hostProcess and hostNetwork to true";
            refusals.push(Refusal {
                field,
                span,
                reason: reason.to_owned(),
                help: Some(help.to_owned()),
            });
        } else if !choices.as_host_process {
            let help = "run it as a host process with --as-host-process";
            refusals.push(Refusal {
                field,
                span,
                reason: reason.to_owned(),
                help: Some(help.to_owned()),
            });
        }
    }
    refusals
}

fn refused_views(request: &Request<'_>) -> Option<Refusal> {
    let view = request.choices.view?;
    (!request.facts.views.contains(&view)).then(|| Refusal {
        field: request.spec.prefix.to_owned(),
        span: request.spec.span,
        reason: format!("this host cannot give a container the view {view:?}"),
        help: Some("leave out --view".to_owned()),
    })
}

/// The namespace of objects that name none becomes part of paths too.
fn refused_namespace(request: &Request<'_>) -> Option<Refusal> {
    if request.template.namespace.is_some_and(|name| !name.is_empty()) {
        return None;
    }
    Some(Refusal {
        field: "metadata.namespace".to_owned(),
        span: request.spec.span,
        reason: crate::spec::label_fault(request.namespace)?,
        help: Some("name another with --namespace".to_owned()),
    })
}

/// What the making of one pod's plans shares.
struct Making<'a> {
    request: &'a Request<'a>,
    identity: &'a PodIdentity,
    refusals: Vec<Refusal>,
}

impl Making<'_> {
    /// How the pod's containers see their volumes.
    fn view(&self) -> View {
        let first = self.request.facts.views.first().copied();
        self.request.choices.view.or(first).unwrap_or(View::Private)
    }

    fn refuse(
        &mut self,
        field: impl Into<String>,
        span: Span,
        reason: impl Into<String>,
        help: Option<&str>,
    ) {
        let help = help.map(str::to_owned);
        self.refusals.push(Refusal {
            field: field.into(),
            span,
            reason: reason.into(),
            help,
        });
    }
}

fn pod(request: &Request<'_>, identity: PodIdentity) -> Result<PodPlan, Vec<Refusal>> {
    let directory = crate::volumes::pod_directory(request.state, &identity);
    let mut making = Making {
        request,
        identity: &identity,
        refusals: Vec::new(),
    };
    let volumes = volumes::volumes(&mut making, &directory);
    let spec = request.spec;
    let mut plans = |kind, containers: &[ContainerSpec]| -> Vec<ContainerPlan> {
        let references = containers_of(request.template, kind);
        let pairs = containers.iter().zip(references);
        pairs
            .filter_map(|(container, reference)| {
                plan(&mut making, container, reference, &volumes, &directory)
            })
            .collect()
    };
    let init_containers = plans(porthole_pod::ContainerKind::Init, &spec.init_containers);
    let containers = plans(porthole_pod::ContainerKind::Main, &spec.containers);
    if !making.refusals.is_empty() {
        return Err(making.refusals);
    }
    Ok(PodPlan {
        identity,
        directory,
        volumes,
        init_containers,
        containers,
        grace: spec.grace,
        restart_policy: spec.restart_policy,
        active_deadline: spec.active_deadline,
        qos_class: Some(qos::class(spec).to_owned()),
    })
}

fn plan(
    making: &mut Making<'_>,
    container: &ContainerSpec,
    reference: porthole_pod::ContainerRef<'_>,
    volumes: &[crate::volumes::Volume],
    directory: &Path,
) -> Option<ContainerPlan> {
    let request = making.request;
    let options = effective::resolve(request.template, Some(reference));
    making.refusals.extend(credential_spec_refusal(&options));
    let Some(image) = &container.image else {
        making.refuse(
            format!("{}.image", container.path),
            container.span,
            "must be set",
            None,
        );
        return None;
    };
    let image_name = image.value.clone();
    let image = match request.images.find(&image.value) {
        Ok(found) => found,
        Err(refusal) => {
            making.refuse(
                format!("{}.image", container.path),
                image.span,
                refusal.reason,
                Some(&refusal.help),
            );
            return None;
        }
    };
    let user = user::user(making, container, reference, &options, image.user.as_deref());
    let own = environment::variables(making, container);
    let command = command::command(making, container, &image, &own);
    let mut mounts = volumes::mounts(making, container, volumes, &own);
    let termination_message = conduct::termination_message(making, container, directory, &mut mounts);
    let limits = limits::limits(making, container);
    let mut variables: Vec<(String, String)> = Vec::new();
    let (user, user_name) = user?;
    variables.extend(user_name.map(|name| ("USERNAME".to_owned(), name)));
    variables.extend(image.environment);
    variables.extend(own);
    let working_directory = container
        .working_directory
        .as_ref()
        .map(|text| text.value.clone());
    let plan = Plan {
        id: identity::container_id(making.identity, &container.name),
        pod: making.identity.clone(),
        container: container.name.clone(),
        rootfs: image.rootfs,
        view: making.view(),
        command: command?,
        working_directory: working_directory.or(image.working_directory),
        environment: variables,
        mounts,
        user,
        limits,
        stop: Stop {
            signal: container.stop_signal.unwrap_or(Signal::Term),
            grace: request.spec.grace,
        },
        credential_spec: None,
        streams: container.streams,
    };
    Some(ContainerPlan {
        plan,
        image: image_name,
        role: match reference.kind {
            porthole_pod::ContainerKind::Init if container.sidecar => Role::Sidecar,
            porthole_pod::ContainerKind::Init => Role::Init,
            _ => Role::Main,
        },
        probes: conduct::probes(container),
        hooks: container.hooks.clone(),
        termination_message,
    })
}

/// A credential spec is honoured or refused, never ignored.
#[must_use]
pub fn credential_spec_refusal(options: &EffectiveOptions<'_>) -> Option<Refusal> {
    let setting = options
        .gmsa_credential_spec_name
        .or(options.gmsa_credential_spec)?;
    let reason = "credential specs are not supported by this version of porthole; without one the container would run \
                  under another identity than the manifest says";
    Some(Refusal {
        field: setting.field(),
        span: setting.span(),
        reason: reason.to_owned(),
        help: None,
    })
}

#[cfg(test)]
mod tests;
