// Heterodyne: tensors from files of weights and back.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph
public import HeterodyneRuntime
public import HeterodyneWeights

extension Tensor {
    /// The array in an npy file, mapped and not copied where its layout allows.
    public init(contentsOfNpy path: String) throws(WeightsError) { self.init(try NpyFile.read(path: path)) }

    /// The tensor called `name` in a collection of weights.
    public init(_ name: String, in weights: any WeightSource) throws(WeightsError) {
        self.init(try weights.tensor(named: name))
    }

    /// Every tensor at `path`, by name: a safetensors file, a sharded index, a folder with one of them, or an npz archive.
    /// Safetensors are mapped, so that data is read when it is first used.
    public static func load(_ path: String) throws(WeightsError) -> [String: Tensor] {
        let weights = try WeightFile.open(path)
        var tensors: [String: Tensor] = [:]
        for name in weights.names { tensors[name] = Tensor(try weights.tensor(named: name)) }
        return tensors
    }

    /// Every tensor of one safetensors file, by name, mapped and not copied.
    public static func load(safetensors path: String) throws(WeightsError) -> [String: Tensor] {
        let weights = try SafetensorsFile(path: path)
        var tensors: [String: Tensor] = [:]
        for name in weights.names { tensors[name] = Tensor(try weights.tensor(named: name)) }
        return tensors
    }

    /// Computes `tensors` where need be and writes them to one safetensors file, which appears complete or not at all.
    public static func save(
        _ tensors: [String: Tensor], safetensors path: String, metadata: [String: String] = [:],
        on device: Device? = nil
    ) throws(TensorFileError) {
        let named = try literals(tensors, on: device)
        do throws(WeightsError) { try SafetensorsFile.write(named, metadata: metadata, to: path) } catch {
            throw .file(error)
        }
    }

    /// Computes `tensors` where need be and writes them to one npz archive, which appears complete or not at all.
    public static func save(
        _ tensors: [String: Tensor], npz path: String, on device: Device? = nil
    ) throws(TensorFileError) {
        let named = try literals(tensors, on: device)
        do throws(WeightsError) { try NpzFile.write(named, to: path) } catch { throw .file(error) }
    }

    /// Computes the tensor where need be and writes it to an npy file, which appears complete or not at all.
    public func save(npy path: String, on device: Device? = nil) throws(TensorFileError) {
        let value: Literal
        do throws(HeterodyneError) { value = try literal(on: device) } catch { throw .tensor(name: "", error) }
        do throws(WeightsError) { try NpyFile.write(value, to: path) } catch { throw .file(error) }
    }

    private static func literals(
        _ tensors: [String: Tensor], on device: Device?
    ) throws(TensorFileError) -> [(name: String, tensor: Literal)] {
        var result: [(name: String, tensor: Literal)] = []
        for (name, tensor) in tensors.sorted(by: { $0.key < $1.key }) {
            do throws(HeterodyneError) { result.append((name, try tensor.literal(on: device))) } catch {
                throw .tensor(name: name, error)
            }
        }
        return result
    }
}
