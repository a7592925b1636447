// Disk images: formats, sizes, what an idle machine leaves in one, and repairs in the guest.

import Foundation
import Testing

@Suite(.keepsGuests, .serialized) struct DiskImageTests {
    /// The image that make builds has large files; the one for xv6 has not. The contract holds on both.
    @Test(arguments: [["--double-indirect", "--size", "80M"], []]) func theContractHoldsOnBothFormats(options: [String])
        throws
    {
        let image = try ImageFile(options)
        let guest = try Guest(image: image.url)
        try guest.waitForShell()
        #expect(try guest.run("usertests -q", seconds: 300).hasSuffix("ALL TESTS PASSED"))
        let large = try guest.run("cat /zero > big; echo $?", seconds: 300)
        #expect(large == "cat: write error: file too large\n1")
        let size = options.isEmpty ? 268 << 10 : (11 + 256 + 65536) << 10
        #expect(try guest.run("ls big").hasSuffix(" \(size)"))
        #expect(try guest.run("rm big; fsck").hasSuffix("0 errors"))
        try guest.halt()
    }

    /// The disk by packed queues, on either bus: the contract holds.
    @Test(arguments: ["virtio", "virtio-pci"]) func packedQueuesCarryTheDisk(place: String) throws {
        let image = try ImageFile(["--double-indirect", "--size", "20M"])
        let guest = try Guest(["DISK": place, "QUEUE": "packed"], image: image.url)
        try guest.waitForShell()
        #expect(try guest.monitor("info qtree").contains("packed = true"))
        #expect(try guest.run("usertests -q", seconds: 300).hasSuffix("ALL TESTS PASSED"))
        _ = try guest.run("cat usertests usertests usertests usertests usertests > big; cp big copy")
        let counts = try guest.run("wc big copy").split(separator: "\n")
        #expect(
            counts.count >= 2 && counts[0].replacingOccurrences(of: "big", with: "copy") == counts[1], "\(counts)")
        #expect(try guest.run("fsck").hasSuffix("0 errors"))
        try guest.halt()
    }

    /// Output that cannot be written is said, unless its reader is gone.
    @Test func writeErrorsAreSaid() throws {
        let image = try ImageFile(["--double-indirect"], files: ["README=README.md"])
        let guest = try Guest(image: image.url)
        try guest.waitForShell()
        #expect(try guest.run("cat README | head -n 1; cat README README | true") == "# Swiftlet")
        #expect(try guest.run("cat /zero > big; echo $?").hasSuffix("cat: write error: no space left on device\n1"))
        #expect(try guest.run("ls >> big; echo $?").hasSuffix("ls: write error: no space left on device\n1"))
        #expect(try guest.run("ps >> big; echo $?").hasSuffix("sh: write error: no space left on device\n1"))
        #expect(try guest.run("echo x 1>&-; echo $?") == "echo: write error: bad file descriptor\n1")
        #expect(try guest.run("cp README copy; echo $?").hasSuffix("cp: copy: write error: no space left on device\n1"))
        #expect(try guest.run("rm big; echo fine > f; cat f") == "fine")
        try guest.halt()
    }

    /// Without a halt, as from xv6's shell: the log is empty soon after the last write.
    @Test func anIdleSystemEmptiesItsLog() throws {
        let image = try ImageFile()
        let guest = try Guest(image: image.url)
        try guest.waitForShell()
        _ = try guest.run("echo x > f; sleep 4")
        guest.cutPower(after: 0)
        let check = try runOnHost(["build/tools/release/fsck", image.url.path])
        #expect(check.status == 0 && !check.output.contains("log"), "\(check.output)")
    }

    /// A name is lost and a count wrong: fsck -y in the guest puts both right, and nothing is written after it.
    @Test func fsckRepairsInTheGuest() throws {
        let image = try ImageFile()
        var bytes = [UInt8](try Data(contentsOf: image.url))
        func number(_ offset: Int) -> Int { (0..<4).reduce(0) { $0 | Int(bytes[offset + $1]) << (8 * $1) } }
        let inodes = number(1024 + 24) * 1024
        bytes[inodes + 2 * 64 + 6] = 7  // inode 2's link count
        let root = number(inodes + 64 + 12) * 1024
        bytes[root + 3 * 16] = 0  // the name of inode 3
        try Data(bytes).write(to: image.url)
        let guest = try Guest(image: image.url)
        try guest.waitForShell()
        #expect(try guest.run("fsck; echo $?").hasSuffix("2 errors\n4"))
        #expect(try guest.run("fsck -y; echo $?").contains("repaired: type halt"))
        #expect(try guest.run("echo x > f") == "sh: f: input/output error")
        #expect(try guest.run("df").contains("read-only"))
        try guest.halt()
        #expect(try runOnHost(["build/tools/release/fsck", image.url.path]).status == 0)
        #expect(try runOnHost([ImageFile.mkfs, "--list", image.url.path]).output.contains("lost+found"))
    }

    @Test func makeKnowsFormatsAndSizes() throws {
        #expect(
            try runOnHost(["make", "-n", "image", "FORMAT=ext2"]).output.contains("FORMAT=ext2: there is FORMAT=xv6"))
        let plain = try runOnHost(["make", "-n", "image", "FSSIZE=128M"]).output
        #expect(plain.contains("--double-indirect --size 128M"), "\(plain)")
        let other = try runOnHost(["make", "-n", "image", "FORMAT=xv6"]).output
        #expect(other.contains("build/fs-xv6.img") && !other.contains("--double-indirect"))
    }
}
