{{- /* What the templates ask. The templates themselves are written by `cargo xtask reference`; this file is not. */ -}}

{{- /* The name of every object. Every template asks for it, so a namespace that does not do is refused here. */ -}}
{{- define "porthole.name" -}}
{{- if has .Release.Namespace (list "default" "kube-system" "kube-public" "kube-node-lease") -}}
{{- fail (printf "the namespace `%s` is the cluster's own, and pods of the webhook's namespace are never looked at: say --namespace porthole-system --create-namespace" .Release.Namespace) -}}
{{- end -}}
{{- $name := .Values.fullnameOverride | default .Release.Name -}}
{{- if not (regexMatch "^[a-z]([-a-z0-9]{0,48}[a-z0-9])?$" $name) -}}
{{- fail (printf "the name `%s` is no name: lower case letters, digits and `-`, a letter first, at most 50 characters; choose one by fullnameOverride" $name) -}}
{{- end -}}
{{- $name -}}
{{- end -}}

{{- /* Where the certificate comes from: own, csr, cert-manager or secret. */ -}}
{{- define "porthole.certificates" -}}
{{- $values := .Values.certificates -}}
{{- $from := "own" -}}
{{- if $values.from -}}
{{- $from = $values.from -}}
{{- else if $values.certManager.enabled -}}
{{- $from = "cert-manager" -}}
{{- else if or $values.secretName $values.caBundle -}}
{{- $from = "secret" -}}
{{- end -}}
{{- if and $values.certManager.enabled (ne $from "cert-manager") -}}
{{- fail (printf "certificates.certManager.enabled and certificates.from=%s exclude each other" $from) -}}
{{- end -}}
{{- include "porthole.checkSigner" (dict "from" $from "signer" $values.signer) -}}
{{- if and $values.caBundle (eq $from "csr") -}}
{{- fail "certificates.caBundle is for certificates that somebody keeps in a Secret; put the signer's authorities into a ConfigMap, under `ca.crt`, and name it by certificates.signer.authorityConfigMap" -}}
{{- end -}}
{{- if and $values.caBundle (ne $from "secret") -}}
{{- fail (printf "certificates.caBundle is for certificates that somebody keeps in a Secret; with certificates from `%s` leave it out" $from) -}}
{{- end -}}
{{- if and $values.caBundle (not $values.secretName) (not $values.from) -}}
{{- fail "certificates.caBundle is there without certificates.secretName: name the Secret with tls.crt and tls.key, which by default was `gmsa-server-cert` in the chart `gmsa`; certificates.from=secret takes this chart's own default" -}}
{{- end -}}
{{- $from -}}
{{- end -}}

{{- /* Refuses a signer that cannot be asked, and one that nobody would ask. What names signers is what `porthole install` takes. */ -}}
{{- define "porthole.checkSigner" -}}
{{- $signer := .signer -}}
{{- if eq .from "csr" -}}
{{- if not $signer.name -}}
{{- fail "certificates.signer.name is empty: name the signer as DOMAIN/NAME, such as example.com/serving; without the value it is kubernetes.io/kubelet-serving" -}}
{{- end -}}
{{- if or (gt (len $signer.name) 571) (not (regexMatch "^[-.a-z0-9]*[.][-.a-z0-9]*/[-.:a-z0-9]+$" $signer.name)) -}}
{{- fail (printf "certificates.signer.name is `%s`, the name of no signer: write it as DOMAIN/NAME, such as example.com/serving" $signer.name) -}}
{{- end -}}
{{- else -}}
{{- $given := list -}}
{{- if ne $signer.name "kubernetes.io/kubelet-serving" }}{{ $given = append $given "name" }}{{ end -}}
{{- if $signer.approve }}{{ $given = append $given "approve" }}{{ end -}}
{{- if $signer.authorityConfigMap }}{{ $given = append $given "authorityConfigMap" }}{{ end -}}
{{- with $given -}}
{{- fail (printf "certificates.signer.%s is for certificates that a signer signs: say so by certificates.from=csr; with certificates from `%s` leave it out" (first .) $.from) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- /* The Secret with the certificate. */ -}}
{{- define "porthole.secret" -}}
{{- .Values.certificates.secretName | default (printf "%s-certificates" (include "porthole.name" .)) -}}
{{- end -}}

{{- /* The image, with its registry and its tag or digest. */ -}}
{{- define "porthole.image" -}}
{{- $tag := .Values.image.tag | default .Chart.AppVersion -}}
{{- with .Values.global.systemDefaultRegistry }}{{ trimSuffix "/" . }}/{{ end -}}
{{- .Values.image.repository }}{{ if hasPrefix "sha256:" $tag }}@{{ else }}:{{ end }}{{ $tag -}}
{{- end -}}

{{- /* Texts of CEL, with commas between them. The schema lets no quotes into them. */ -}}
{{- define "porthole.quoted" -}}
{{- range $index, $text := . }}{{ if $index }}, {{ end }}'{{ $text }}'{{ end -}}
{{- end -}}

{{- /* Whether there is a cluster to look at, as with `helm install` and not with `helm template`; else empty. */ -}}
{{- define "porthole.hasCluster" -}}
{{- if lookup "v1" "Namespace" "" "kube-system" }}true{{ end -}}
{{- end -}}

{{- /* Whom the API server trusts, with certificates of a Secret. */ -}}
{{- define "porthole.caBundle" -}}
{{- if .Values.certificates.caBundle -}}
{{- .Values.certificates.caBundle -}}
{{- else if include "porthole.hasCluster" . -}}
{{- $secret := include "porthole.secret" . -}}
{{- $bundle := dig "data" "ca.crt" "" (lookup "v1" "Secret" .Release.Namespace $secret) -}}
{{- if not $bundle -}}
{{- fail (printf "the Secret %s/%s has no `ca.crt`, by which the API server would trust the webhook: make it, with the keys `ca.crt`, `tls.crt` and `tls.key`, or say certificates.caBundle" .Release.Namespace $secret) -}}
{{- end -}}
{{- $bundle -}}
{{- else -}}
{{- fail "without a cluster to look at, say certificates.caBundle: the API server would trust nobody" -}}
{{- end -}}
{{- end -}}

{{- /* What the API server does while no server answers. Where nothing is said: nothing is refused before the first server has answered, and
from then on it stays strict. */ -}}
{{- define "porthole.failurePolicy" -}}
{{- if .Values.failurePolicy -}}
{{- .Values.failurePolicy -}}
{{- else if not (include "porthole.hasCluster" .) -}}
Fail
{{- else if include "porthole.hasAnswered" . -}}
Fail
{{- else -}}
Ignore
{{- end -}}
{{- end -}}

{{- /* Whether the API server asks a server that answers, or is strict already; else empty. */ -}}
{{- define "porthole.hasAnswered" -}}
{{- $name := include "porthole.name" . -}}
{{- $registered := lookup "admissionregistration.k8s.io/v1" "ValidatingWebhookConfiguration" "" $name -}}
{{- $trusts := not (empty $registered) -}}
{{- $isStrict := false -}}
{{- range (dig "webhooks" (list) $registered) -}}
{{- if eq (get . "failurePolicy") "Fail" }}{{ $isStrict = true }}{{ end -}}
{{- if not (dig "clientConfig" "caBundle" "" .) }}{{ $trusts = false }}{{ end -}}
{{- end -}}
{{- $server := lookup "apps/v1" "Deployment" .Release.Namespace $name -}}
{{- $isThere := gt (dig "status" "availableReplicas" 0 $server | int) 0 -}}
{{- if or $isStrict (and $trusts $isThere) }}true{{ end -}}
{{- end -}}
