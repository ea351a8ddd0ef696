// Heterodyne: what a script asks of a device.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
import HeterodyneGraph

/// What a script asks of a device, as text: `float64 && memory>=8GiB`. `docs/Devquery.md` describes the language.
public struct Requirement: Sendable, Hashable {
    /// How a fact is compared with a value.
    public enum Comparison: String, Sendable, Hashable, CaseIterable {
        /// The same.
        case equal = "=="
        /// Another.
        case notEqual = "!="
        /// Below.
        case less = "<"
        /// Not above.
        case atMost = "<="
        /// Above.
        case more = ">"
        /// Not below.
        case atLeast = ">="
        /// Text in text, whatever the case of letters.
        case contains = "~"
        /// No text in text.
        case containsNot = "!~"
    }

    /// A fact about a device that is a number.
    public enum NumberField: String, Sendable, Hashable, CaseIterable {
        /// Memory that tensors can use, in bytes.
        case memory
        /// Memory free when the device was listed, in bytes.
        case freememory
        /// The largest single buffer, in bytes.
        case maxbuffer
        /// Threads or compute units.
        case threads

        /// Whether it counts bytes.
        var isMemory: Bool { self != .threads }
    }

    /// A fact about a device that is text.
    public enum TextField: String, Sendable, Hashable, CaseIterable {
        /// The identifier.
        case id
        /// The backend.
        case backend
        /// One of `DeviceDescriptor.Kind`.
        case kind
        /// The maker.
        case vendor
        /// The model.
        case name
    }

    /// A fact about a device that holds or not.
    public enum Flag: String, Sendable, Hashable, CaseIterable {
        /// Emulated in software.
        case software
        /// A chip that is not there; computed on the host.
        case simulated
        /// Shares the host's memory.
        case unified
        /// Some scalar types are masked.
        case masked
        /// Made for running trained models.
        case inference
        /// Made for training.
        case training
    }

    /// A requirement that is made of no others.
    enum Clause: Sendable, Hashable {
        case computes(ScalarType)
        case uses(ScalarType, ScalarUsage)
        case emulates(ScalarType)
        case supports(String, ScalarType)
        case claims(String)
        case flag(Flag)
        case number(NumberField, Comparison, Double)
        case text(TextField, Comparison, String)
    }

    /// Requirements joined.
    indirect enum Expression: Sendable, Hashable {
        case clause(Clause, Range<Int>)
        case not(Expression, Range<Int>)
        case all([Expression])
        case any([Expression])
    }

    /// The text.
    public let text: String
    let expression: Expression

    /// The requirement that `text` states. Throws with the place of what is not understood.
    public init(parsing text: String) throws(RequirementError) {
        self.text = text
        var parser = try RequirementParser(text)
        expression = try parser.requirement()
    }
}
