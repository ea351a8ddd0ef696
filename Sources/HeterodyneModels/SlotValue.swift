// Heterodyne: a tensor between the steps of a model.
// SPDX-License-Identifier: Apache-2.0

public import HeterodyneBackend
public import HeterodyneGraph
public import HeterodyneONNX
import HeterodyneRuntime

/// An output of a model that was run on tensors of the device.
public enum ModelResult: Sendable {
    /// A tensor of an element type, where it is.
    case tensor(ONNXElementType, SlotValue)
    /// Something else, on the host.
    case other(ONNXData)
}

/// A tensor between the steps of a model: on the host or on the device.
public enum SlotValue: Sendable {
    /// On the host.
    case literal(Literal)
    /// On the device.
    case buffer(any Buffer, TensorType)

    /// The type.
    public var type: TensorType {
        switch self {
        case .literal(let literal): literal.type
        case .buffer(_, let type): type
        }
    }

    /// The elements, read from the device where they are there.
    func literal() throws(ModelError) -> Literal {
        switch self {
        case .literal(let literal): return literal
        case .buffer(let buffer, let type):
            return try liftingExecution { () throws(HeterodyneError) in
                let bytes: Int
                do throws(GraphError) { bytes = try type.byteCount() } catch { throw .graph(error) }
                return try Program.literal(of: buffer, type, bytes)
            }
        }
    }

    /// The tensor in the memory of `device`.
    func buffer(on device: Device) throws(ModelError) -> (any Buffer, TensorType) {
        switch self {
        case .buffer(let buffer, let type): return (buffer, type)
        case .literal(let literal):
            return try liftingExecution { () throws(HeterodyneError) in
                let storage: LiteralStorage
                do throws(GraphError) { storage = try literal.denseStorage() } catch { throw .graph(error) }
                do throws(BackendError) {
                    return (try device.backend.importing(storage, on: device.id), literal.type)
                } catch { throw .backend(error) }
            }
        }
    }
}
