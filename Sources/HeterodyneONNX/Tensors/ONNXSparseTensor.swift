// Heterodyne: constant tensors that are mostly zero.
// SPDX-License-Identifier: Apache-2.0

public import HeterodyneGraph

/// A constant tensor of which only some elements are given; the others are zero.
public struct ONNXSparseTensor: Sendable {
    /// The given elements, a vector; its name is the tensor's.
    public let values: ONNXTensor
    /// Where they belong, as int64: row-major positions, one per value, or one row of coordinates per value.
    public let indices: ONNXTensor
    /// The extents of the whole tensor.
    public let dimensions: [Int]
    /// The number of elements of the whole tensor.
    public let elementCount: Int

    /// The name.
    public var name: String { values.name }

    /// The whole tensor with its zeros. A few bytes can stand for any amount of zeros, so `byteLimit` bounds the result;
    /// beyond it `limitExceeded` is thrown. Throws `invalidTensor` for indices that are outside, twice or out of order.
    public func literal(byteLimit: Int = 64 << 20) throws(ONNXError) -> Literal {
        let given = try values.literal()
        return try within("sparse tensor \(quoted(name))") { () throws(ONNXError) in
            let type = TensorType(given.type.scalarType, dimensions)
            let byteCount: Int
            do throws(GraphError) {
                try type.validate()
                byteCount = try type.byteCount()
            } catch {
                throw ONNXError(.invalidTensor, "cannot be a tensor of the graph language: \(error.message)")
            }
            guard byteCount <= byteLimit else {
                throw ONNXError(
                    .limitExceeded, "has \(byteCount) bytes when written out; the limit is \(byteLimit), see byteLimit")
            }
            let positions = try positions()
            let width = type.scalarType.bitWidth
            let storage = LiteralStorage(count: byteCount) { destination in
                destination.initializeMemory(as: UInt8.self, repeating: 0)
                for (index, position) in positions.enumerated() {
                    let bits = given.bits(at: index)
                    if width == 4 {
                        destination[position / 2] |= UInt8(bits & 15) << (position % 2 == 0 ? 0 : 4)
                    } else {
                        for byte in 0..<width / 8 {
                            destination[position * (width / 8) + byte] = UInt8(
                                truncatingIfNeeded: bits >> UInt64(8 * byte))
                        }
                    }
                }
            }
            do throws(GraphError) {
                return try Literal(type: type, storage: storage)
            } catch {
                throw ONNXError(.invalidTensor, error.message)
            }
        }
    }

    /// Row-major positions of the values, increasing.
    private func positions() throws(ONNXError) -> [Int] {
        let literal = try indices.literal()
        let count = values.elementCount
        var result: [Int] = []
        result.reserveCapacity(count)
        let isLinear = indices.dimensions.count == 1
        for index in 0..<count {
            var position = 0
            if isLinear {
                position = Int(Int64(bitPattern: literal.bits(at: index)))
                guard (0..<elementCount).contains(position) else { throw outside(index) }
            } else {
                for (axis, extent) in dimensions.enumerated() {
                    let coordinate = Int(Int64(bitPattern: literal.bits(at: index * dimensions.count + axis)))
                    guard (0..<extent).contains(coordinate) else { throw outside(index) }
                    // Below the element count, which fits, as every coordinate is below its extent.
                    position = position * extent + coordinate
                }
            }
            guard position > result.last ?? -1 else {
                throw ONNXError(.invalidTensor, "index \(index) is not after the one before it; indices must be sorted")
            }
            result.append(position)
        }
        return result
    }

    private func outside(_ index: Int) -> ONNXError {
        ONNXError(.invalidTensor, "index \(index) is outside of the dimensions \(dimensions)")
    }
}
