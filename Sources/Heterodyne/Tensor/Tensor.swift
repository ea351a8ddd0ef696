// Heterodyne: the lazy tensor value.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
public import HeterodyneGraph
import HeterodyneOps
public import HeterodyneRuntime

/// A multidimensional array whose value is computed when it is first read.
///
/// Operations build a graph; reading (`scalars(as:)`, `item(as:)`, `evaluate`) compiles the graph for the current
/// device, runs it, and keeps the result. A tensor never changes.
///
/// A mistake, such as shapes that do not fit, does not trap: the tensor carries the error with the source location of
/// the call, everything computed from it carries the same error, and reading throws it. `checked()` throws it at once.
public struct Tensor: Sendable {
    let node: LazyNode
    let result: Int

    init(_ node: LazyNode, result: Int = 0) {
        self.node = node
        self.result = result
    }

    /// The tensor that stands for a mistake.
    init(failure: HeterodyneError) { self.init(LazyNode(failure: failure)) }

    /// The element type and shape. A tensor that carries an error has type `float32[]`.
    public var type: TensorType { node.types[result] }
    /// The element type.
    public var scalarType: ScalarType { type.scalarType }
    /// The extents, outermost first. Empty for scalars and for tensors that carry an error.
    public var shape: [Int] { type.shape.fixedExtents ?? [] }
    /// The number of dimensions.
    public var rank: Int { type.rank }
    /// The number of elements.
    public var count: Int { (try? type.elementCount()) ?? 0 }

    /// The mistake that this tensor carries, if any.
    public var error: HeterodyneError? { node.failure(of: result) }

    /// The identifier of the device that holds the value; nil for a tensor that is not computed yet and for one that was
    /// made from data of the host.
    public var deviceID: String? {
        if case .computed(let results) = node.current { results.device } else { nil }
    }

    /// This tensor. Throws the mistake that it carries.
    public func checked() throws(HeterodyneError) -> Tensor {
        if let error { throw error }
        return self
    }
}

// MARK: - Making tensors

extension Tensor {
    /// The elements and shape of a literal, not copied. Splats stay constants of the graph; other literals are its
    /// inputs. Carries `invalidType` for negative extents and tensors over the size limit, `unboundSymbol` for symbols.
    public init(_ literal: Literal, file: String = #fileID, line: Int = #line) {
        do throws(GraphError) {
            try literal.type.validate()
            if literal.isSplat {
                _ = try literal.type.elementCount()
                self.init(LazyNode(.operation(.primitive(.constant(literal))), [], [literal.type], nil))
            } else {
                self.init(LazyNode(buffer: HostBuffer(sharing: try literal.denseStorage()), literal.type))
            }
        } catch {
            self.init(failure: .graph(error.at(operation: "Tensor", location: .init(file: file, line: line))))
        }
    }

    /// A scalar.
    public init<T: Scalar>(_ value: T) { self.init(Literal(value)) }

    /// A vector of the elements of an array.
    public init<T: Scalar>(_ scalars: [T]) { self.init(Literal(scalars)) }

    /// The elements of an array in row-major order under `shape`. Carries `invalidLiteral` where the count differs.
    public init<T: Scalar>(_ scalars: [T], shape: [Int], file: String = #fileID, line: Int = #line) {
        do throws(GraphError) { self.init(try Literal(scalars, shape: Shape(shape))) } catch {
            self.init(failure: .graph(error.at(operation: "Tensor", location: .init(file: file, line: line))))
        }
    }

    /// A matrix of rows. Carries `invalidLiteral` where the rows differ in length.
    public init<T: Scalar>(_ rows: [[T]], file: String = #fileID, line: Int = #line) {
        let width = rows.first?.count ?? 0
        guard rows.allSatisfy({ $0.count == width }) else {
            let error = GraphError(
                .invalidLiteral, "rows of a matrix have different lengths", operation: "Tensor",
                location: .init(file: file, line: line))
            self.init(failure: .graph(error))
            return
        }
        self.init(rows.flatMap(\.self), shape: [rows.count, width], file: file, line: line)
    }

    /// `value` repeated over `shape`.
    public static func full<T: Scalar>(
        _ shape: [Int], _ value: T, file: String = #fileID, line: Int = #line
    ) -> Tensor {
        Tensor(Literal(value, shape: Shape(shape)), file: file, line: line)
    }
    /// Zeros.
    public static func zeros(
        _ shape: [Int], _ scalarType: ScalarType = .float32, file: String = #fileID, line: Int = #line
    ) -> Tensor {
        Tensor(Literal(number: 0, type: TensorType(scalarType, shape)), file: file, line: line)
    }
    /// Ones.
    public static func ones(
        _ shape: [Int], _ scalarType: ScalarType = .float32, file: String = #fileID, line: Int = #line
    ) -> Tensor {
        Tensor(Literal(number: 1, type: TensorType(scalarType, shape)), file: file, line: line)
    }
    /// `0, 1, … count - 1`.
    public static func arange(
        _ count: Int, _ scalarType: ScalarType = .int64, file: String = #fileID, line: Int = #line
    ) -> Tensor {
        build([], .init(file: file, line: line), "arange") { (builder, _) throws(GraphError) in
            try builder.iota(TensorType(scalarType, [count]), dimension: 0)
        }
    }
    /// `start, start + step, …` below `end` (above it for a negative `step`), computed as `start + i · step`.
    public static func arange(
        _ start: Double, _ end: Double, by step: Double = 1, _ scalarType: ScalarType = .float32,
        file: String = #fileID, line: Int = #line
    ) -> Tensor {
        build([], .init(file: file, line: line), "arange") { (builder, _) throws(GraphError) in
            let steps = ((end - start) / step).rounded(.up)
            guard Swift.abs(steps) < Double(TensorType.maximumByteCount) else {
                throw GraphError(.invalidAttribute, "there is no range from \(start) to \(end) by \(step)")
            }
            let index = try builder.iota(TensorType(.float64, [Swift.max(0, Int(steps))]), dimension: 0)
            return try (index * step + start).convert(scalarType)
        }
    }
    /// The identity matrix of `count` rows.
    public static func eye(
        _ count: Int, _ scalarType: ScalarType = .float32, file: String = #fileID, line: Int = #line
    ) -> Tensor {
        build([], .init(file: file, line: line), "eye") { (builder, _) throws(GraphError) in
            try builder.eye(TensorType(scalarType, [count, count]))
        }
    }
}

extension Tensor: ExpressibleByFloatLiteral, ExpressibleByIntegerLiteral, ExpressibleByArrayLiteral {
    /// A float32 scalar.
    public init(floatLiteral value: Double) { self.init(Float(value)) }
    /// A float32 scalar, so that `x * 2` means the same as `x * 2.0`.
    public init(integerLiteral value: Int) { self.init(Float(value)) }
    /// A float32 vector.
    public init(arrayLiteral elements: Float...) { self.init(elements) }
}

// MARK: - Lifting operations

extension Tensor {
    /// The results of building nodes on `operands`: the one place where user calls become graph. At least `results`
    /// tensors, which all carry the error where there is one.
    static func buildAll(
        _ operands: [Tensor], _ location: SourceLocation?, _ name: String, results: Int,
        _ body: (GraphBuilder, [Term]) throws(GraphError) -> [Term]
    ) -> [Tensor] {
        for operand in operands {
            if let error = operand.error { return [Tensor](repeating: Tensor(failure: error), count: results) }
        }
        do throws(GraphError) {
            let graph = try GraphBuilder.region(operands.map(\.type)) { (builder, terms) throws(GraphError) in
                builder.currentLocation = location
                return try body(builder, terms)
            }
            guard graph.outputs.count >= results else {
                throw GraphError(
                    .operandCount, "has \(graph.outputs.count) results where \(results) are expected")
            }
            let node = LazyNode(.graph(graph), operands, graph.outputTypes, location)
            return graph.outputs.indices.map { Tensor(node, result: $0) }
        } catch {
            // Operators cannot take a location as a default argument; look for the caller only now that it is needed.
            let place = location ?? CallSite.current()
            let failed = Tensor(failure: .graph(error.at(operation: name, location: place)))
            return [Tensor](repeating: failed, count: results)
        }
    }

    static func build(
        _ operands: [Tensor], _ location: SourceLocation?, _ name: String,
        _ body: (GraphBuilder, [Term]) throws(GraphError) -> Term
    ) -> Tensor {
        buildAll(operands, location, name, results: 1) { (builder, terms) throws(GraphError) in
            [try body(builder, terms)]
        }[0]
    }

    /// The result of an operation on this tensor alone.
    public func map(
        _ name: String, file: String = #fileID, line: Int = #line, _ body: (Term) throws(GraphError) -> Term
    ) -> Tensor {
        Self.build([self], .init(file: file, line: line), name) { (_, terms) throws(GraphError) in try body(terms[0]) }
    }

    /// The result of an operation on this tensor and others. This is how operations are added outside this library:
    /// `body` gets one term per tensor and uses the terms' methods.
    public func map(
        _ name: String, with others: [Tensor], file: String = #fileID, line: Int = #line,
        _ body: ([Term]) throws(GraphError) -> Term
    ) -> Tensor {
        Self.build([self] + others, .init(file: file, line: line), name) { (_, terms) throws(GraphError) in
            try body(terms)
        }
    }
}
