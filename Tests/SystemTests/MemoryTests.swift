// What the kernel itself takes of the machine's memory: little at the prompt, and what it kept for speed is the
// programs' when they want it.

import Foundation
import Testing

@Suite(.keepsGuests, .serialized) struct MemoryTests {
    private func freePages(_ guest: Guest) throws -> Int {
        let last = try guest.run("free -p").split(whereSeparator: { " \n".contains($0) }).last
        return Int(last ?? "") ?? 0
    }

    /// Of the 32,768 pages of 128 MiB no more than 818 are gone at the prompt, firmware and the kernel's image
    /// included: courses' tests look for that.
    @Test func atThePromptNearlyAllMemoryIsFree() throws {
        let guest = try Guest()
        try guest.waitForShell()
        #expect(try 32_768 - freePages(guest) <= 818)
        try guest.halt()
    }

    /// Blocks that were read, stacks of many processes and packets of many datagrams leave for a program that takes all
    /// there is: after any load it gets what it got at first.
    @Test func whatWasKeptForSpeedIsThereForPrograms() throws {
        let guest = try Guest()
        try guest.waitForShell()
        let first = try freePages(guest)
        _ = try guest.run("usertests nomemorysbrk")
        #expect(try freePages(guest) == first)
        _ = try guest.run("nc -u -l -w 1 6000 > /null &")
        _ = try guest.run("iperf -u -c 127.0.0.1 -p 6000 -t 1 -b 10M; cat usertests tcpdump fsck sh > /null")
        let deadline = Date(timeIntervalSinceNow: Guest.patience)
        while try guest.run("ps").contains(" nc"), Date() < deadline {}
        let load = try guest.run(
            "usertests forkbomb nomemorysbrk nomemoryfork nomemorytouch cowexhausted", seconds: 240)
        #expect(load.contains("ALL TESTS PASSED"), "\(load)")
        let after = try freePages(guest)
        // Tables of open files and pipes keep the pages that they grew by.
        #expect(first - after <= 2, "\(first) free pages became \(after)")
        #expect(try guest.run("ping -W 30 -c 1 10.0.2.2").contains("1 received"))
        try guest.halt()
    }
}
