// Heterodyne: mistakes in JSON text as mistakes in weight files.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneJSON

extension WeightsError: JSONFailure {
    /// `malformedHeader`.
    package static var malformedJSON: Kind { .malformedHeader }
    /// `invalidText`.
    package static var invalidJSONText: Kind { .invalidText }
    /// `limitExceeded`.
    package static var exceededJSONLimit: Kind { .limitExceeded }
    /// The mistake in the file at `path`.
    package init(_ kind: Kind, json message: String, path: String) { self.init(kind, message, path: path) }
}
