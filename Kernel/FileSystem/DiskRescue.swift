// What no directory has gets a name in /lost+found: # and the number of its inode. The disk is sound but for that: it is
// mounted for it.

import Storage
import SystemInterface

enum DiskRescue {
    /// Gives names to the inodes that a check found without one. Link counts are put right by the next pass.
    static func run<P: FileSystemPlatform>(
        _ platform: P, _ layout: DiskLayout, _ inodes: Table<CheckedInode>
    ) throws(SystemError) {
        let system = try FileSystem<P>.mount(platform, buffers: 64, inodes: 50)
        let path: [10 of UInt8] = [0x6c, 0x6f, 0x73, 0x74, 0x2b, 0x66, 0x6f, 0x75, 0x6e, 0x64]  // "lost+found"
        let root = try system.root()
        do throws(SystemError) { try system.makeDirectory(path.span, from: root) } catch .fileExists {}
        let directory = try system.openDirectory(path.span, from: root)
        for number in 2..<layout.inodeCount {
            let checked = inodes[Int(number)]
            guard checked.type != 0, checked.linkCount > 0, checked.entries == 0 else { continue }
            try system.adopt(number, by: directory)
        }
        try system.synchronize()
    }
}

extension FileSystem {
    /// Gives an inode a name in a directory, and a directory that one as its parent.
    fileprivate func adopt(_ number: UInt32, by directory: borrowing Inode<P>) throws(SystemError) {
        var name = Name()
        name.append(0x23)  // "#"
        var divisor: UInt32 = 10_000
        while divisor > 0 {
            if number >= divisor || divisor == 1 { name.append(UInt8(0x30 + number / divisor % 10)) }
            divisor /= 10
        }
        let inode = try inodes.get(number)
        let parent = inodes.slot(directory.slot).value.number
        try transaction(room: 12) { transaction throws(SystemError) in
            try withLocked(directory.slot, &transaction) { slot, transaction throws(SystemError) in
                let place = try search(slot, for: name)
                guard place.number == 0 else { return }
                try enter(number, as: name, at: place.offset, of: slot, &transaction)
            }
            try withLocked(inode.slot, &transaction) { slot, transaction throws(SystemError) in
                guard slot.value.record.type == FileType.directory.rawValue else { return }
                let place = try search(slot, for: .dotDot)
                guard place.number != 0 else { return }
                try enter(parent, as: .dotDot, at: place.offset, of: slot, &transaction)
            }
        }
        _ = consume inode
    }
}
