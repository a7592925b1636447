// Which of a card's offloads are used.

import Packets
import Storage

extension NetworkCapabilities {
    /// Those that can be switched on and off.
    public static var switchable: NetworkCapabilities { [.checksumIn, .checksumOut, .segmentation, .largeReceive] }

    /// The same with these switches on, and no others.
    fileprivate func switched(to offloads: NetworkCapabilities) -> NetworkCapabilities {
        subtracting(.switchable).union(offloads.intersection(.switchable)).withoutOrphans
    }

    /// A large segment's parts have checksums that the card makes, or has verified.
    var withoutOrphans: NetworkCapabilities {
        var result = self
        if !contains(.checksumOut) { result.remove(.segmentation) }
        if !contains(.checksumIn) { result.remove(.largeReceive) }
        return result
    }
}

extension NetStack where Device: ~Copyable {
    /// Uses these of the card's offloads, of those that can be switched, and no others. What needs one that is off is
    /// off too. Frames that the card has already come and go as before. Those of a card that a program holds are off, and
    /// are used when the program lets go.
    /// - Returns: false, and no change, when the card lacks one, or cannot switch it while it runs; nil when there is no
    ///   such card.
    public mutating func use(_ offloads: NetworkCapabilities, at id: InterfaceID) -> Bool? {
        guard isCard(id) else { return nil }
        let interface = interfaces.ref(id.place)
        guard interface.value.cardCapabilities.isSuperset(of: offloads.intersection(.switchable)) else { return false }
        if interface.value.isHeld {
            interface.value.usedAfter = interface.value.usedAfter.switched(to: offloads)
            return true
        }
        let old = interface.value.capabilities
        let new = old.switched(to: offloads)
        let receiving: NetworkCapabilities = [.checksumIn, .largeReceive]
        guard
            new.intersection(receiving) == old.intersection(receiving)
                || devices[Int(id.rawValue)].receive(with: new.intersection(receiving))
        else { return false }
        interface.value.capabilities = new
        return true
    }
}
