// Heterodyne: what users import; re-exports the modules that its API speaks of.
// SPDX-License-Identifier: Apache-2.0

@_exported public import HeterodyneBackend
@_exported public import HeterodyneCompiler
@_exported public import HeterodyneGraph
@_exported public import HeterodyneModels
@_exported public import HeterodyneONNX
@_exported public import HeterodyneOps
@_exported public import HeterodynePluginHost
@_exported public import HeterodyneRuntime
@_exported public import HeterodyneWeights
