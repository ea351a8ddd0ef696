// Heterodyne: reading tensors back.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
public import HeterodyneGraph
public import HeterodyneRuntime

extension Tensor {
    /// The value as a literal, computed if need be. Throws the mistake that the tensor carries, or what compiling and
    /// running throw.
    public func literal(on device: Device? = nil) throws(HeterodyneError) -> Literal {
        let buffer = try placedBuffer(on: device).buffer
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
