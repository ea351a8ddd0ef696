// Heterodyne: a backend on the other side of the plugin interface, within this process.
// SPDX-License-Identifier: Apache-2.0

import CHeterodynePlugin
import HeterodyneBackend
import HeterodyneGraph
import HeterodynePluginKit
import Testing

@testable import HeterodynePluginHost

/// `backend` as a plugin, and the plugin as a backend called `name`.
func crossing(_ backend: any Backend, name: String) -> PluginBackend {
    let table = PluginKit.table(for: backend, name: name, version: "1")
    return PluginBackend(
        LoadedPlugin(name: name, path: "in-process", manifestPath: nil, table: table, version: table.pointee.version))
}

/// Where two graphs differ; nil where they are the same but for composites, which are compared as the data that they are.
///
/// Constants of `a` are expected where they lie; those that definitions make are made anew each time.
func difference(_ a: Graph, _ b: Graph, _ place: String = "") -> String? {
    guard a.nodes.count == b.nodes.count else { return "\(place): \(a.nodes.count) and \(b.nodes.count) nodes" }
    guard a.inputs == b.inputs, a.outputs == b.outputs else { return "\(place): inputs or outputs" }
    for (index, (x, y)) in zip(a.nodes, b.nodes).enumerated() {
        let place = "\(place)/\(index)"
        guard x.operands == y.operands, x.resultTypes == y.resultTypes else { return "\(place): operands or types" }
        guard x.location == y.location else { return "\(place): location" }
        if let found = difference(x.operation, y.operation, x.operands.map(a.type(of:)), place) { return found }
    }
    return nil
}

/// Where two operations differ; definitions of composites are compared on operands of the given types.
func difference(
    _ a: NodeOperation, _ b: NodeOperation, _ operands: [TensorType]?, _ place: String
) -> String? {
    switch (a, b) {
    case (.parameter, .parameter): return a == b ? nil : "\(place): input"
    case (.primitive(let x), .primitive(let y)):
        guard x.code == y.code else { return "\(place): \(a.name) and \(b.name)" }
        return difference(a.attributes, b.attributes, place + " " + a.name)
    case (.composite(let x), .composite(let y)):
        guard x.name == y.name else { return "\(place): composites \(x.name) and \(y.name)" }
        if let found = difference(x.attributes, y.attributes, place + " " + x.name) { return found }
        guard let operands else { return nil }
        do {
            func definition(_ composite: any Composite) throws(GraphError) -> Graph {
                try GraphBuilder.region(operands) { (builder, terms) throws(GraphError) in
                    try composite.decompose(terms, in: builder)
                }
            }
            return difference(try definition(x), try definition(y), place + " " + x.name + ".definition")
        } catch { return "\(place): \(error)" }
    default: return "\(place): \(a.name) and \(b.name)"
    }
}

private func difference(_ a: Attributes, _ b: Attributes, _ place: String) -> String? {
    guard a.entries.map(\.name) == b.entries.map(\.name) else { return "\(place): names of attributes" }
    for (x, y) in zip(a.entries, b.entries) {
        let place = "\(place).\(x.name)"
        switch (x.value, y.value) {
        case (.graph(let g), .graph(let h)): if let found = difference(g, h, place) { return found }
        case (.literal(let l), .literal(let m)):
            if !isSame(l, m, isMadeAnew: place.contains(".definition")) { return "\(place): literal" }
        default: if x.value != y.value { return "\(place): \(x.value) and \(y.value)" }
        }
    }
    return nil
}

/// Whether two literals have the same form and, where dense, lie at the same place: nothing was copied.
private func isSame(_ a: Literal, _ b: Literal, isMadeAnew: Bool) -> Bool {
    guard a == b else { return false }
    switch (a.contents, b.contents) {
    case (.splat, .splat): return true
    case (.dense(let x), .dense(let y)):
        return isMadeAnew || x.bytes.baseAddress == y.bytes.baseAddress || x.bytes.isEmpty
    case (.splat, .dense), (.dense, .splat): return false
    }
}
