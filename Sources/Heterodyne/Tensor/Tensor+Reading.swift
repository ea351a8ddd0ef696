// Heterodyne: reading tensors back, printing them, and files.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
public import HeterodyneGraph
public import HeterodyneRuntime

extension Tensor {
    /// The value as a literal, computed if need be. Throws the mistake that the tensor carries, or what compiling and
    /// running throw.
    public func literal(on device: Device? = nil) throws(HeterodyneError) -> Literal {
        let buffer = try buffer(on: device)
        return try Program.literal(of: buffer, type, buffer.byteCount)
    }

    /// The elements in row-major order, computed if need be. Throws `invalidType` where the element type is another:
    /// convert first.
    public func scalars<T: Scalar>(as: T.Type = T.self, on device: Device? = nil) throws(HeterodyneError) -> [T] {
        _ = try checked()
        guard T.scalarType == scalarType else {
            throw .graph(
                GraphError(
                    .invalidType, "the tensor is \(type), not \(T.scalarType); call convert(.\(T.scalarType)) first"))
        }
        let value = try literal(on: device)
        do { return try value.scalars() } catch { throw .graph(error) }
    }

    /// The only element, computed if need be. Throws `shapeMismatch` where there are several.
    public func item<T: Scalar>(as: T.Type = T.self, on device: Device? = nil) throws(HeterodyneError) -> T {
        let all = try scalars(as: T.self, on: device)
        guard all.count == 1, let first = all.first else {
            throw .graph(GraphError(.shapeMismatch, "\(type) has \(all.count) elements, not one"))
        }
        return first
    }
}

extension Tensor: CustomStringConvertible {
    /// The type, with the elements where they are computed and few; reading a description computes nothing.
    public var description: String {
        switch node.current {
        case .failed(let error): return "Tensor(error: \(error))"
        case .argument: return "Tensor(\(type), argument)"
        case .pending: return "Tensor(\(type), not computed yet)"
        case .computed(let buffers):
            guard count <= 64, let literal = try? Program.literal(of: buffers[result], type, buffers[result].byteCount)
            else { return "Tensor(\(type))" }
            let numbers = (0..<count).map { format(scalarType.number(fromBits: literal.bits(at: $0))) }
            return "Tensor(\(type), [\(numbers.joined(separator: ", "))])"
        }
    }

    private func format(_ number: Double) -> String {
        switch scalarType {
        case .bool: number == 0 ? "false" : "true"
        case .float64: "\(number)"
        case .float32, .float16, .bfloat16, .float8e4m3fn, .float8e5m2: "\(Float(number))"
        default: String(Int(exactly: number) ?? 0)
        }
    }
}
