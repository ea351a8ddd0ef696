// Heterodyne: what a run consists of.
// SPDX-License-Identifier: Apache-2.0

/// One thing that a run does.
enum RunStep: Sendable, Hashable {
    /// Runs a part.
    case run(part: Int)
    /// Fills a buffer that stands in for one that the device of a part cannot read.
    case transfer(Program.Place, standIn: Int, part: Int)
    /// Fills an output from elsewhere, by its position in `Program.copies`.
    case copy(Int)
}

/// A step of a run as it happened.
public struct TimedStep: Sendable, Hashable, Codable {
    /// The device that the step kept busy.
    public var device: String
    /// What was done.
    public var work: String
    /// The lane that did it; steps of one lane follow one another, lane 0 is the caller's thread.
    public var lane: Int
    /// Nanoseconds from the start of the run to the start of the step.
    public var start: UInt64
    /// Nanoseconds from the start of the run to the end of the step.
    public var end: UInt64
}

extension [TimedStep] {
    /// One line per step in the order of their starts, times in microseconds.
    public var text: String {
        sorted { ($0.start, $0.lane) < ($1.start, $1.lane) }.map { step in
            "\(step.start / 1000) to \(step.end / 1000) us  lane \(step.lane)  \(step.device): \(step.work)"
        }.joined(separator: "\n")
    }
}
