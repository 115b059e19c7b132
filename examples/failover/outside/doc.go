// Package outside looks at a transfer as somebody who was not part of it: a Consumer takes files away
// as soon as they have their final names, and Compare reads source and result again. It imports
// nothing but the standard library, so that it cannot agree with the transfer's own mistakes.
package outside
