// What a test needs of this machine: it is left out, and says why, where that is missing.

import Foundation
import Testing

/// A condition: there can be a network that only the test sees.
var needsNetwork: ConditionTrait { .enabled(if: PrivateNetwork.isPossible, "\(PrivateNetwork.obstacle ?? "")") }

/// A condition: these programs of the host's are installed.
func needs(_ programs: String...) -> ConditionTrait {
    let missing = programs.filter { (try? runOnHost(["which", $0]).status) != 0 }
    return .enabled(if: missing.isEmpty, "\(missing.joined(separator: ", ")) not installed: make doctor says how")
}
