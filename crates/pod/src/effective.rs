//! What a container's windows options come to, and which field decided.
//!
//! The kubelet lays a container's `windowsOptions` over the pod's field by field; the name and the contents of the
//! credential spec move as a pair: a container that sets either has both from itself
//! (`DetermineEffectiveSecurityContext` of `k8s.io/kubernetes/pkg/securitycontext`).

use porthole_manifest::{Node, PodTemplate, Span};
use serde::Serialize;

use crate::container::ContainerRef;

/// The field that decided something.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct Origin {
    /// Its path, such as `spec.securityContext.windowsOptions.runAsUserName`.
    pub field: String,
    /// Its value's place in the source.
    #[serde(skip)]
    pub span: Span,
}

/// A value with the field that it came from.
#[derive(Clone, Copy, Debug)]
pub struct Setting<'a, T> {
    /// The value.
    pub value: T,
    /// The field's value in the source.
    pub node: Node<'a>,
    /// The container that set it, or nothing where the pod did.
    pub container: Option<ContainerRef<'a>>,
    prefix: &'static str,
    below: &'static str,
    name: &'static str,
}

impl<T> Setting<'_, T> {
    /// The path of the field.
    #[must_use]
    pub fn field(&self) -> String {
        let owner = self
            .container
            .map_or_else(|| self.prefix.to_owned(), |container| container.path());
        format!("{owner}.{}.{}", self.below, self.name)
    }

    /// The place of the value.
    #[must_use]
    pub fn span(&self) -> Span {
        self.node.span()
    }

    /// The field that decided.
    #[must_use]
    pub fn origin(&self) -> Origin {
        Origin {
            field: self.field(),
            span: self.span(),
        }
    }
}

/// What a container's windows options come to. Nothing means that neither the container nor the pod says.
#[derive(Clone, Copy, Debug)]
pub struct EffectiveOptions<'a> {
    /// The account, as it is written.
    pub run_as_user_name: Option<Setting<'a, &'a str>>,
    /// Whether the container is a HostProcess container.
    pub host_process: Option<Setting<'a, bool>>,
    /// The name of the credential spec.
    pub gmsa_credential_spec_name: Option<Setting<'a, &'a str>>,
    /// The contents of the credential spec.
    pub gmsa_credential_spec: Option<Setting<'a, &'a str>>,
    /// Whether the container may not run as the root user.
    pub run_as_non_root: Option<Setting<'a, bool>>,
}

impl EffectiveOptions<'_> {
    /// Whether the container is a HostProcess container; it is none where nothing says so.
    #[must_use]
    pub fn is_host_process(&self) -> bool {
        self.host_process.is_some_and(|setting| setting.value)
    }
}

/// The pod's level of a security context and one container's.
struct Levels<'a> {
    prefix: &'static str,
    pod: Option<Node<'a>>,
    container: Option<Node<'a>>,
    of: Option<ContainerRef<'a>>,
    below: &'static str,
}

impl<'a> Levels<'a> {
    /// The security contexts.
    fn context(template: &PodTemplate<'a>, container: Option<ContainerRef<'a>>) -> Self {
        Self {
            prefix: template.prefix,
            pod: template.spec.and_then(|spec| spec.field("securityContext")),
            container: container.and_then(|container| container.security_context()),
            of: container,
            below: "securityContext",
        }
    }

    /// Their windows options.
    fn options(&self) -> Self {
        let below = |context: Node<'a>| context.field("windowsOptions");
        Self {
            prefix: self.prefix,
            pod: self.pod.and_then(below),
            container: self.container.and_then(below),
            of: self.of,
            below: "securityContext.windowsOptions",
        }
    }

    fn run_as(&self) -> RunAs<'a> {
        RunAs {
            user_name: self.over("runAsUserName", Node::as_str),
            host_process: self.over("hostProcess", Node::as_bool),
        }
    }

    fn setting<T>(&self, node: Node<'a>, value: T, name: &'static str, of_container: bool) -> Setting<'a, T> {
        let container = if of_container { self.of } else { None };
        Setting {
            value,
            node,
            container,
            prefix: self.prefix,
            below: self.below,
            name,
        }
    }

    fn at<T>(
        &self,
        of_container: bool,
        name: &'static str,
        read: fn(Node<'a>) -> Option<T>,
    ) -> Option<Setting<'a, T>> {
        let level = if of_container { self.container } else { self.pod };
        let node = level?.field(name)?;
        Some(self.setting(node, read(node)?, name, of_container))
    }

    /// The container's field, else the pod's.
    fn over<T>(&self, name: &'static str, read: fn(Node<'a>) -> Option<T>) -> Option<Setting<'a, T>> {
        self.at(true, name, read).or_else(|| self.at(false, name, read))
    }
}

/// Who a container runs as, of its [`EffectiveOptions`].
#[derive(Clone, Copy, Debug)]
pub struct RunAs<'a> {
    /// The account, as it is written.
    pub user_name: Option<Setting<'a, &'a str>>,
    /// Whether the container is a HostProcess container.
    pub host_process: Option<Setting<'a, bool>>,
}

/// Who `container` runs as, or, of nothing, what the pod's level says of it.
#[must_use]
pub fn run_as<'a>(template: &PodTemplate<'a>, container: Option<ContainerRef<'a>>) -> RunAs<'a> {
    Levels::context(template, container).options().run_as()
}

/// The effective windows options of `container`, or, of nothing, those of the pod's level alone.
#[must_use]
pub fn resolve<'a>(template: &PodTemplate<'a>, container: Option<ContainerRef<'a>>) -> EffectiveOptions<'a> {
    let context = Levels::context(template, container);
    let options = context.options();
    // Either field in the container takes both from it: the other may become unset.
    let pair = options.container.is_some_and(|own| {
        own.field("gmsaCredentialSpecName").is_some() || own.field("gmsaCredentialSpec").is_some()
    });
    let RunAs {
        user_name,
        host_process,
    } = options.run_as();
    EffectiveOptions {
        run_as_user_name: user_name,
        host_process,
        gmsa_credential_spec_name: options.at(pair, "gmsaCredentialSpecName", Node::as_str),
        gmsa_credential_spec: options.at(pair, "gmsaCredentialSpec", Node::as_str),
        run_as_non_root: context.over("runAsNonRoot", Node::as_bool),
    }
}
