// Heterodyne: the bytes of some rows in a tensor.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
import HeterodyneCompiler
import HeterodyneGraph

/// The bytes of a range of rows in a tensor: `count` blocks of `byteCount` bytes, `stride` apart; one after the other in
/// a tensor of these rows alone. One block where the rows lie along the first dimension.
struct RowBlocks: Sendable {
    let start: Int
    let count: Int
    let byteCount: Int
    let stride: Int

    /// The bytes of `rows` of `rowCount` in a tensor of `type`. Throws `unsupported` where rows do not begin at whole bytes.
    init(of type: TensorType, _ axis: BatchAxis, rows: Range<Int>, rowCount: Int) throws(GraphError) {
        let extents = try type.shape.extents()
        // A part of what the whole tensor has, whose bytes are counted without overflow.
        guard try type.elementCount() > 0 else {
            (start, count, byteCount, stride) = (0, 0, 0, 0)
            return
        }
        let inner = axis.inner * extents[(axis.axis + 1)...].reduce(1, *)
        let width = type.scalarType.bitWidth
        guard inner * width % 8 == 0 else {
            throw GraphError(
                .unsupported,
                "rows of \(type) do not fill whole bytes, so they cannot be split; convert to a wider type")
        }
        let row = inner * width / 8
        count = extents[..<axis.axis].reduce(1, *)
        byteCount = rows.count * row
        start = rows.lowerBound * row
        stride = rowCount * row
    }

    /// `byteCount` consecutive bytes.
    init(start: Int, count: Int, byteCount: Int, stride: Int) {
        (self.start, self.count, self.byteCount, self.stride) = (start, count, byteCount, stride)
    }

    /// Whether the rows are consecutive bytes.
    var isContiguous: Bool { count <= 1 }

    /// Copies the rows of `source` to `destination`, which holds these rows alone, by way of `staging` where need be.
    func gather(from source: any Buffer, to destination: any Buffer, _ staging: HostBuffer?) throws(BackendError) {
        guard count > 0, byteCount > 0 else { return }
        if isContiguous, let address = source.hostAddress {
            try destination.write(from: UnsafeRawBufferPointer(start: address + start, count: byteCount), at: 0)
            return
        }
        guard let target = destination.hostAddress ?? staging?.address else { throw Self.noStaging }
        for index in 0..<count {
            let from = start + index * stride
            let to = target + index * byteCount
            if let address = source.hostAddress {
                to.copyMemory(from: address + from, byteCount: byteCount)
            } else {
                try source.read(into: UnsafeMutableRawBufferPointer(start: to, count: byteCount), at: from)
            }
        }
        if destination.hostAddress == nil {
            try destination.write(from: UnsafeRawBufferPointer(start: target, count: count * byteCount), at: 0)
        }
    }

    /// Copies `source`, which holds these rows alone, to their places in memory of the host.
    func scatter(
        from source: any Buffer, to destination: UnsafeMutableRawPointer, _ staging: HostBuffer?
    ) throws(BackendError) {
        guard count > 0, byteCount > 0 else { return }
        if isContiguous {
            try source.read(into: UnsafeMutableRawBufferPointer(start: destination + start, count: byteCount), at: 0)
            return
        }
        let own: UnsafeMutableRawPointer
        if let address = source.hostAddress {
            own = address
        } else {
            guard let staging else { throw Self.noStaging }
            try source.read(
                into: UnsafeMutableRawBufferPointer(start: staging.address, count: count * byteCount), at: 0)
            own = staging.address
        }
        for index in 0..<count {
            (destination + start + index * stride).copyMemory(from: own + index * byteCount, byteCount: byteCount)
        }
    }

    private static var noStaging: BackendError {
        BackendError(.executionFailed, "there is no host memory to copy the rows of a batch through")
    }
}
