// Heterodyne: what the commands around ONNX models have in common.
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Heterodyne
import HeterodyneModels
import HeterodyneONNX

/// What happens to what a device cannot do.
enum Policy: String, ExpressibleByArgument, CaseIterable {
    /// Other devices compute it, and a line says so.
    case fallback
    /// It is an error.
    case native

    static var allValueStrings: [String] { allCases.map(\.rawValue) }
}

/// Where a model runs: on one device, which others may help out, or on all devices of a set.
struct ModelTarget {
    var device: Device
    var devices: DeviceSet?

    /// For people.
    var id: String { devices?.description ?? device.id }
}

/// A model, its inputs, and where it runs.
struct ModelArguments: ParsableArguments {
    @Argument(help: "An ONNX model.", completion: .file(extensions: ["onnx"]))
    var model: String

    @Option(
        name: .shortAndLong,
        help: ArgumentHelp(
            """
            The device to run on; without it, the default device. See devquery. Several, such as vulkan:0,openblas, share \
            the work as it costs least, which is measured once; inputs and outputs live on the first. 'automatic' stands \
            for all.
            """, valueName: "device"))
    var device: String?

    @Option(
        name: .shortAndLong,
        help: ArgumentHelp(
            """
            An input: NAME=FILE.npy, NAME=FILE.pb (an ONNX tensor), NAME=random or NAME=random:SEED. Without a name, \
            'random' or 'random:SEED' stands for every input that is not given. Random floats are normal with mean 0 \
            and deviation 1, integers are 0 or 1, truth values either.
            """, valueName: "input"))
    var input: [String] = []

    @Option(
        name: .customLong("dim"),
        help: ArgumentHelp(
            "The extent of a free dimension of random inputs, by its name in the model (see inspect); 1 without it.",
            valueName: "name=number"))
    var dimensions: [String] = []

    @Option(
        help: """
            What happens to what the device cannot do: 'fallback' lets other devices do it and says so, 'native' makes \
            it an error.
            """)
    var policy = Policy.fallback

    @Option(
        name: .customLong("types"),
        help: ArgumentHelp(
            """
            What happens where a device lacks a scalar type: fallback, emulate, demote or error, for all types or by \
            type: float64=emulate,int64=error. Without it float64 falls back and the others are emulated, which is exact.
            """, valueName: "policy"))
    var types = ""

    @Flag(help: "Treat every decision of the compiler that is not free as an error, before anything runs.")
    var strict = false

    @Option(help: "Threads of devices that compute on the host; by default one for each core.")
    var threads: Int?

    func validate() throws {
        if let threads, threads < 1 { throw ValidationError("--threads \(threads): at least 1 is needed") }
        _ = try extents()
        _ = try scalarTypePolicy(types)
    }

    /// The free dimensions that were given.
    func extents() throws -> [String: Int] {
        try heterodyne_cli.extents(dimensions, option: "--dim", kind: "NAME=NUMBER")
    }

    /// The model, read and checked.
    func load() throws -> ONNXModel {
        do { return try ONNXModel.load(model) } catch {
            printError("error: \(error)")
            throw ExitCode.failure
        }
    }

    /// The device or devices asked for.
    func target() throws -> ModelTarget {
        guard let device else { return ModelTarget(device: try Device.current) }
        guard device == "automatic" || device.contains(",") else {
            return ModelTarget(device: try heterodyne_cli.device(device))
        }
        do {
            let set = try DeviceSet(parsing: device)
            return ModelTarget(device: set.first, devices: set)
        } catch { throw ValidationError("--device \(device): \(error)") }
    }

    /// A runner of the model on `device`, as the options wish.
    func runner(_ model: ONNXModel, on device: Device, progress: ProgressLine? = nil) throws -> ModelRunner {
        try runner(model, on: ModelTarget(device: device), progress: progress)
    }

    /// A runner of the model, as the options wish.
    func runner(_ model: ONNXModel, on target: ModelTarget, progress: ProgressLine? = nil) throws -> ModelRunner {
        var options = ModelOptions()
        if let progress {
            let path = self.model
            options.progress = { progress.show($0, of: path, on: target.id) }
        }
        options.program.label = self.model
        options.program.compiler.isStrict = strict
        options.program.compiler.scalarTypes = try scalarTypePolicy(types)
        options.program.compiler.threads = threads
        if policy == .native { options.program.fallbacks = [] }
        if let devices = target.devices {
            return try ModelRunner(model, on: devices, runtime: .shared, options: options)
        }
        return try ModelRunner(model, on: target.device, runtime: .shared, options: options)
    }

    /// The values of all inputs, read or made; notes go to standard error.
    func inputs(of model: ONNXModel) throws -> [String: ONNXData] {
        try ModelInputs(model: model, extents: try extents(), texts: input, path: self.model).resolve()
    }
}

/// Runs `body`; what it throws of the model or of devices becomes one line and exit status 1.
func reporting<Result>(_ path: String, _ body: () throws -> Result) throws -> Result {
    do { return try body() } catch let error as ModelError {
        printError("error: \(path): \(error)")
        throw ExitCode.failure
    } catch let error as ONNXError {
        printError("error: \(error.path.isEmpty ? "\(path): " : "")\(error)")
        throw ExitCode.failure
    } catch let error as HeterodyneError {
        printError("error: \(path): \(error)")
        throw ExitCode.failure
    }
}

/// The policy that a text names. Throws a `ValidationError` that says what is wrong.
func scalarTypePolicy(_ text: String) throws -> ScalarTypePolicy {
    do { return try ScalarTypePolicy(parsing: text) } catch { throw ValidationError("--types: \(error.message)") }
}
