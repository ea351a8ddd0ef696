// Heterodyne: how commands show what the compiler decided.
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Heterodyne

/// Options about compilation reports.
struct ReportOptions: ParsableArguments {
    @Flag(help: "Print what the compiler decided and why: fallbacks, emulation, transfers, placements, costs.")
    var report = false

    @Flag(help: "With --report: every decision and every pass, in full.")
    var verbose = false

    @Option(
        name: .customLong("report-json"),
        help: ArgumentHelp(
            "Write the reports as a JSON document (\"schema\": 1, docs/CompilationReport.md) to a file.",
            valueName: "file"), completion: .file(extensions: ["json"]))
    var reportJSON: String?

    func validate() throws {
        if verbose, !report { throw ValidationError("--verbose is about the report; add --report") }
    }

    /// Prints and writes what is asked for; what is not free is noted on standard error in any case.
    func show(_ reports: [CompilationReport]) throws {
        if report { for report in reports { print("== report ==\n\(report.text(isVerbose: verbose))") } }
        if let reportJSON { try write(CompilationReport.json(of: reports), to: reportJSON) }
        if !report { announceCosts(reports) }
    }

    private func announceCosts(_ reports: [CompilationReport]) {
        let costly = reports.filter { !$0.costlyEntries.isEmpty }
        guard let first = costly.first else { return }
        let more = costly.count > 1 ? "; and so on in \(costly.count - 1) more parts of the model" : ""
        printError("note: not free: \(first.costSummary)\(more). --report says why, --strict refuses")
    }
}
