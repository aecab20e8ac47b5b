/** What `npm run admin` can do. */
export const USAGE = `Usage: npm run admin -- COMMAND

  user create USERNAME [--email ADDRESS]   asks for the password
  user list
  user set-password USERNAME               asks for the password; every session ends
  user disable USERNAME                    every session ends
  user enable USERNAME
  user unlock USERNAME                     after too many wrong passwords
  session list USERNAME
  session end SESSION_ID
  session end --all USERNAME
  session end --everybody                  every session of every user, as after a restore
  mail list                                what waits or was abandoned
  mail retry MAIL_ID                       an abandoned mail is tried for another day
  mail retry --all
  event dead                               events that a consumer could not take
  event replay CONSUMER                    that consumer gets its dead letters again
  event replay --all
  event discard CONSUMER                   its dead letters are deleted
`
