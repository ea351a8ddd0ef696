// Heterodyne: what an estimate takes for granted, as data that the caller can change.
// SPDX-License-Identifier: Apache-2.0

/// An option that makes no sense.
public struct RooflineError: Error, Sendable, Hashable, CustomStringConvertible {
    /// What is wrong and what to write instead.
    public let message: String

    /// An error.
    public init(_ message: String) { self.message = message }

    /// The message.
    public var description: String { message }
}

/// Which part of each roof is reached. 1, the default, makes an estimate a bound; what was measured on real programs makes
/// it a forecast. Every part that is not 1 is among the assumptions of the estimate.
public struct RooflineEfficiency: Sendable, Hashable {
    /// The part of the peak rate of arithmetic.
    public let compute: Double
    /// The part of the memory's bandwidth.
    public let memory: Double
    /// The part of the bandwidth between chips.
    public let interconnect: Double

    /// The roofs themselves.
    public static let full = RooflineEfficiency()

    private init() { (compute, memory, interconnect) = (1, 1, 1) }

    /// Parts of the roofs. Throws where one is not above 0 and at most 1.
    public init(compute: Double = 1, memory: Double = 1, interconnect: Double = 1) throws(RooflineError) {
        for (name, part) in [("compute", compute), ("memory", memory), ("interconnect", interconnect)] {
            guard part > 0, part <= 1 else {
                throw RooflineError("the efficiency of \(name) is \(part); write a part of the roof, above 0 up to 1")
            }
        }
        (self.compute, self.memory, self.interconnect) = (compute, memory, interconnect)
    }
}

/// What an estimate takes for granted, as data that the caller can change.
public struct RooflineOptions: Sendable, Hashable {
    /// Which part of each roof is reached.
    public var efficiency: RooflineEfficiency
    /// How many operations of the vector unit one transcendental function counts as, where its own rate was not measured.
    ///
    /// The default is 16: a multiprocessor of NVIDIA's chips gives 16 special functions a clock and 128 multiply-adds, which are
    /// 256 operations (CUDA C++ Programming Guide, throughput of native arithmetic instructions); where there are no such
    /// units, polynomials of 10 to 30 operations take their place. What is no finite number above 0 counts as 1.
    public var transcendentalOperations: Double
    /// What was measured of the device beyond the figures of its profile.
    public var detail: DeviceDetail?

    /// Options.
    public init(
        efficiency: RooflineEfficiency = .full, transcendentalOperations: Double = 16, detail: DeviceDetail? = nil
    ) {
        self.efficiency = efficiency
        self.transcendentalOperations = transcendentalOperations
        self.detail = detail
    }

    /// What a function counts as.
    var functionCost: Double {
        transcendentalOperations > 0 && transcendentalOperations.isFinite ? transcendentalOperations : 1
    }
}
