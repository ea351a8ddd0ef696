// Heterodyne: the model of `heterodyne plan`: its graphs with all extents known.
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Foundation
import Heterodyne
import HeterodyneModels
import HeterodyneONNX

/// A model with all extents known, as the graphs that devices compile.
struct PlannedModel: Sendable {
    /// The file.
    let path: String
    /// What runs one after the other; most models are one graph.
    let graphs: [Graph]
    /// What the inputs are, for people.
    let inputs: [String]
    /// The names of the inputs.
    let inputNames: [String]
    /// Samples in a run; nil where nothing says which dimension counts them.
    let batch: Int?
    /// Tokens in a sample; nil where nothing says so.
    let sequence: Int?
    /// What the model is for.
    let role: DeviceRole
    /// What the reader of the numbers must know of the model.
    let notes: [String]

    /// Samples in a run; a run is one sample where nothing says more.
    var samples: Double { Double(batch ?? 1) }
    /// Tokens in a run, where a sequence is known.
    var tokens: Double? { sequence.map { Double($0) * samples } }

    /// Reads the ONNX model or the graph in the text form at `path`. What is wrong with the file is printed as one line and
    /// becomes exit status 1; wishes that do not fit it are wrong usage.
    init(_ path: String, _ wishes: ExtentWishes, role: DeviceRole?, progress: ProgressLine) throws {
        self.path = path
        if path.hasSuffix(".onnx") {
            let model: ONNXModel
            do { model = try ONNXModel.load(path) } catch {
                printError("error: \(error)")
                throw ExitCode.failure
            }
            let shapes = try Self.shapes(of: model)
            let extents = try ModelExtents(shapes, wishes)
            let plan = try Self.plan(model, path, extents, progress)
            graphs = plan.steps.filter { $0.purpose != .answer }.map(\.graph)
            inputNames = shapes.map(\.name)
            inputs = try Self.signatures(of: model, extents).map { "\($0.name): \($0.signature.text)" }
            (batch, sequence) = (extents.batch, extents.sequence)
            self.role = role ?? (model.isForTraining ? .training : .inference)
            notes =
                Self.notes(extents)
                + (plan.results == nil
                    ? [
                        "the graph depends on values that are computed at run time; only what comes before them is planned"
                    ]
                    : [])
        } else {
            let text = try read(path)
            do {
                let parsed = try Graph(parsing: text, composites: .standard)
                let extents = try ModelExtents(Self.shapes(of: parsed), wishes)
                let graph = parsed.symbols.isEmpty ? parsed : try parsed.binding(extents.numbers)
                graphs = [graph]
                inputNames = graph.inputNames
                inputs = zip(graph.inputNames, graph.inputTypes).map { "\($0): \($1)" }
                (batch, sequence) = (extents.batch, extents.sequence)
                self.role = role ?? .inference
                notes = Self.notes(extents)
            } catch let error as GraphError {
                printError("error: \(path): \(error)")
                throw ExitCode.failure
            }
        }
        guard graphs.contains(where: { !$0.nodes.isEmpty }) else {
            printError("error: \(path): the model computes nothing, so there is nothing to plan")
            throw ExitCode.failure
        }
    }

    private static func notes(_ extents: ModelExtents) -> [String] {
        var notes: [String] = []
        if !extents.assumed.isEmpty {
            let names = extents.assumed.map { "\($0) = 1" }.joined(separator: ", ")
            notes.append("\(names), since nothing says otherwise (--batch, --sequence, --dim NAME=NUMBER)")
        }
        return notes
    }

    // MARK: - Text graphs

    private static func shapes(of graph: Graph) -> [InputShape] {
        zip(graph.inputNames, graph.inputTypes).map { name, type in
            InputShape(
                name: name, type: type.scalarType.name,
                dimensions: type.shape.dimensions.map { extent in
                    if let number = extent.fixedValue { return .fixed(number) }
                    let text = "\(extent)"
                    return graph.symbols.contains(text) ? .free(text) : .derived(text)
                })
        }
    }

    // MARK: - ONNX

    /// The inputs that must be given. Throws a `ValidationError` naming one whose size cannot be planned.
    private static func shapes(of model: ONNXModel) throws -> [InputShape] {
        try required(model).map { input in
            guard case .tensor(let element, let dimensions?)? = input.type, element.carrier != nil else {
                throw ValidationError(
                    "input '\(input.name)' is \(input.type?.text ?? "of any type"): only tensors of numbers of known rank "
                        + "can be planned")
            }
            return InputShape(
                name: input.name, type: "\(element)",
                dimensions: dimensions.enumerated().map { index, dimension in
                    switch dimension {
                    case .fixed(let number): .fixed(number)
                    case .symbol(let name): .free(name)
                    case .unknown: .free("\(input.name):\(index)")
                    }
                })
        }
    }

    private static func required(_ model: ONNXModel) -> [ONNXValue] {
        ONNXImporter(model) { (_, _) throws(GraphError) in [] }.requiredInputs
    }

    private static func signatures(
        of model: ONNXModel, _ extents: ModelExtents
    ) throws -> [(name: String, signature: ONNXSignature)] {
        try zip(required(model), shapes(of: model)).compactMap { input, shape in
            guard case .tensor(let element, _)? = input.type else { return nil }
            let numbers = shape.dimensions.map { dimension in
                switch dimension {
                case .fixed(let number): number
                case .free(let name), .derived(let name): extents.numbers[name] ?? 1
                }
            }
            return (input.name, .tensor(element, Shape(numbers)))
        }
    }

    private static func plan(
        _ model: ONNXModel, _ path: String, _ extents: ModelExtents, _ progress: ProgressLine
    ) throws -> ImportPlan {
        var known: [String: ONNXSignature] = [:]
        for (name, signature) in try signatures(of: model, extents) { known[name] = signature }
        var options = ModelOptions()
        options.progress = { progress.show($0, of: path, on: "") }
        return try reporting(path) {
            // Nothing is compiled for the device or runs on it.
            let runner = try ModelRunner(model, on: Device("reference"), runtime: .shared, options: options)
            return try runner.importPlan(for: known)
        }
    }
}
